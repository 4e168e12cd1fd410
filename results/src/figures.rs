//! Named integers that keep their order, in memory and in JSON.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A list of named integers, a JSON object in the same order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Figures(Vec<(String, i64)>);

impl Figures {
    /// The figure with this name.
    pub fn get(&self, name: &str) -> Option<i64> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| *v)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(n, v)| (n.as_str(), *v))
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<String>> FromIterator<(N, i64)> for Figures {
    fn from_iter<I: IntoIterator<Item = (N, i64)>>(figures: I) -> Self {
        Self(figures.into_iter().map(|(n, v)| (n.into(), v)).collect())
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(self.0.len()))?;
        for (n, v) in &self.0 {
            map.serialize_entry(n, v)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Figures {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Figures;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of integers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Figures, A::Error> {
                let mut figures = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    figures.push(entry);
                }
                Ok(Figures(figures))
            }
        }
        d.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::Figures;

    #[test]
    fn json_keeps_the_order() {
        let f: Figures = [("zeta", 1), ("alpha", -2)].into_iter().collect();
        let json = serde_json::to_string(&f).unwrap();
        assert_eq!(json, r#"{"zeta":1,"alpha":-2}"#);
        assert_eq!(serde_json::from_str::<Figures>(&json).unwrap(), f);
        assert_eq!(f.get("alpha"), Some(-2));
        assert_eq!(f.get("beta"), None);
    }
}
