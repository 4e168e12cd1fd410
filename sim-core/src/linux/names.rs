//! Series without a recording that behave as a recorded one.

/// A series that another one stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alias {
    /// The series.
    pub series: &'static str,
    /// The recorded series that stands for it.
    pub stands_for_it: &'static str,
    /// On what grounds.
    pub why: &'static str,
}

/// All aliases. There are so few because hardly two series agree in everything: 5.15 lacks what 6.0 changed about
/// returning memory but has later backports, 6.6 has the measured payload ratio but not the larger first window.
pub static ALIASES: [Alias; 1] =
    [Alias { series: "7.3", stands_for_it: "7.2", why: "its receive functions are those of 7.2" }];
