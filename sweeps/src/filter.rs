//! `where:` conditions over the keys of a point: which points are run.

use scenarios::tree::Place;
use scenarios::{KeyInfo, Quantity, Template, key_info, nearest, resolve_kernel, units};

use crate::axis::{Axis, Pick};

/// One condition; a point is run if all hold.
#[derive(Clone, PartialEq, Debug)]
pub struct Filter {
    /// As written.
    pub text: String,
    pub(crate) at: Place,
    root: Expr,
}

#[derive(Clone, PartialEq, Debug)]
enum Expr {
    Number(f64, Dim),
    Text(String),
    /// A key that an axis sets: the axis, the values of its list, and what they count.
    Axis {
        axis: usize,
        listed: Vec<Cell>,
        dim: Dim,
    },
    Binary(Op, Box<Self>, Box<Self>),
}

/// What a number counts: numbers that count different things are not compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Dim {
    Plain,
    Bytes,
    Time,
    Rate,
    Share,
    /// A product or quotient of such, or a word.
    Other,
}

impl Dim {
    const fn of(quantity: Quantity) -> Self {
        match quantity {
            Quantity::Size => Self::Bytes,
            Quantity::Rate => Self::Rate,
            Quantity::Time(_) => Self::Time,
            Quantity::Share => Self::Share,
            Quantity::Count | Quantity::Switch => Self::Plain,
            Quantity::Word => Self::Other,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Plain | Self::Other => "a plain number",
            Self::Bytes => "a size",
            Self::Time => "a time",
            Self::Rate => "a rate",
            Self::Share => "a percentage",
        }
    }

    /// A unit to try.
    const fn unit(self) -> &'static str {
        match self {
            Self::Plain | Self::Other => "",
            Self::Bytes => "KiB",
            Self::Time => "ms",
            Self::Rate => "mbit",
            Self::Share => "%",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Op {
    Or,
    And,
    Equal,
    NotEqual,
    AtMost,
    AtLeast,
    Below,
    Above,
    Plus,
    Minus,
    Times,
    Over,
}

/// What an expression comes to.
#[derive(Clone, PartialEq, Debug)]
enum Cell {
    Number(f64),
    Text(String),
    Truth(bool),
}

/// What the keys of a condition may refer to.
pub(crate) struct Names<'a> {
    pub(crate) axes: &'a [Axis],
    pub(crate) template: &'a Template,
    pub(crate) kernel: &'a str,
}

impl Filter {
    /// Reads a condition such as `rx.SO_RCVBUF >= 4 * tx.TCP_MAXSEG and kernel != 5.10`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it, and what to do.
    pub(crate) fn read(text: &str, at: Place, names: &Names<'_>) -> Result<Self, (String, Option<String>)> {
        let tokens = tokens(text).map_err(|e| (e, None))?;
        let mut parser = Parser { tokens: &tokens, names };
        let root = parser.either()?;
        if let Some(t) = parser.tokens.first() {
            return Err((format!("`{}` is not expected here", t.show()), None));
        }
        if !matches!(root, Expr::Binary(op, ..) if op.is_truth()) {
            return Err(("this compares nothing".to_owned(), Some("such as `path.rtt >= 10ms`".to_owned())));
        }
        Ok(Self { text: text.trim().to_owned(), at, root })
    }

    /// Whether the condition holds for these picks, one of each axis.
    pub fn holds(&self, picks: &[Pick]) -> bool {
        matches!(self.root.value(picks), Some(Cell::Truth(true)))
    }
}

impl Op {
    const fn is_truth(self) -> bool {
        !matches!(self, Self::Plus | Self::Minus | Self::Times | Self::Over)
    }
}

impl Expr {
    /// The value; `None` where it has none, such as after a division by zero: such a point is not run.
    fn value(&self, picks: &[Pick]) -> Option<Cell> {
        Some(match self {
            Self::Number(n, _) => Cell::Number(*n),
            Self::Text(t) => Cell::Text(t.clone()),
            Self::Axis { axis, listed, .. } => match picks.get(*axis)? {
                Pick::Listed(i) => listed.get(*i)?.clone(),
                Pick::Drawn(n) => Cell::Number(*n as f64),
            },
            Self::Binary(op, a, b) => {
                let (a, b) = (a.value(picks)?, b.value(picks)?);
                match (op, a, b) {
                    (Op::Or, Cell::Truth(a), Cell::Truth(b)) => Cell::Truth(a || b),
                    (Op::And, Cell::Truth(a), Cell::Truth(b)) => Cell::Truth(a && b),
                    (op, Cell::Number(a), Cell::Number(b)) => numbers(*op, a, b)?,
                    (op, Cell::Text(a), Cell::Text(b)) => texts(*op, &a, &b)?,
                    (Op::Equal, ..) => Cell::Truth(false),
                    (Op::NotEqual, ..) => Cell::Truth(true),
                    _ => return None,
                }
            }
        })
    }
}

fn numbers(op: Op, a: f64, b: f64) -> Option<Cell> {
    Some(match op {
        Op::Plus => Cell::Number(a + b),
        Op::Minus => Cell::Number(a - b),
        Op::Times => Cell::Number(a * b),
        Op::Over if b == 0.0 => return None,
        Op::Over => Cell::Number(a / b),
        Op::Equal => Cell::Truth(a == b),
        Op::NotEqual => Cell::Truth(a != b),
        Op::AtMost => Cell::Truth(a <= b),
        Op::AtLeast => Cell::Truth(a >= b),
        Op::Below => Cell::Truth(a < b),
        Op::Above => Cell::Truth(a > b),
        Op::Or | Op::And => return None,
    })
}

/// Words are equal or not; versions such as `5.10` have an order too.
fn texts(op: Op, a: &str, b: &str) -> Option<Cell> {
    let order = || Some(version(a)?.cmp(&version(b)?));
    Some(Cell::Truth(match op {
        Op::Equal => a == b,
        Op::NotEqual => a != b,
        Op::AtMost => order()?.is_le(),
        Op::AtLeast => order()?.is_ge(),
        Op::Below => order()?.is_lt(),
        Op::Above => order()?.is_gt(),
        _ => return None,
    }))
}

fn version(text: &str) -> Option<(u32, u32)> {
    let (major, rest) = text.split_once('.')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((major.parse().ok()?, rest[..digits].parse().ok()?))
}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    /// A number with or without unit.
    Number(String),
    /// A key or a word.
    Name(String),
    Quoted(String),
    Sign(&'static str),
}

impl Token {
    fn show(&self) -> &str {
        match self {
            Self::Number(t) | Self::Name(t) | Self::Quoted(t) => t,
            Self::Sign(t) => t,
        }
    }
}

const SIGNS: [&str; 15] = ["&&", "||", "<=", ">=", "==", "!=", "<", ">", "=", "+", "-", "*", "/", "(", ")"];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = if first.is_ascii_digit() {
            let n = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '%'))
                .unwrap_or(rest.len());
            out.push(Token::Number(rest[..n].to_owned()));
            n
        } else if first.is_ascii_alphabetic() || first == '_' {
            let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '-');
            let n = rest.find(|c: char| !part(c)).unwrap_or(rest.len());
            out.push(Token::Name(rest[..n].to_owned()));
            n
        } else if first == '\'' || first == '"' {
            let Some(end) = rest[1..].find(first) else { return Err("a quote is not closed".to_owned()) };
            out.push(Token::Quoted(rest[1..=end].to_owned()));
            end + 2
        } else if let Some(sign) = SIGNS.iter().find(|s| rest.starts_with(**s)) {
            out.push(Token::Sign(sign));
            sign.len()
        } else {
            return Err(format!("`{first}` means nothing in a condition"));
        };
        rest = rest[len..].trim_start();
    }
    if out.len() > 200 {
        return Err("this condition is far too long".to_owned());
    }
    Ok(out)
}

type Wrong = (String, Option<String>);

struct Parser<'a> {
    tokens: &'a [Token],
    names: &'a Names<'a>,
}

impl Parser<'_> {
    /// Takes one of these words or signs.
    fn take(&mut self, ops: &[(&str, Op)]) -> Option<Op> {
        let first = self.tokens.first()?;
        if matches!(first, Token::Quoted(_) | Token::Number(_)) {
            return None;
        }
        let op = ops.iter().find(|(text, _)| first.show() == *text)?.1;
        self.tokens = &self.tokens[1..];
        Some(op)
    }

    fn chain(
        &mut self,
        ops: &[(&str, Op)],
        part: fn(&mut Self) -> Result<Expr, Wrong>,
    ) -> Result<Expr, Wrong> {
        let mut left = part(self)?;
        while let Some(op) = self.take(ops) {
            let right = part(self)?;
            if matches!(op, Op::And | Op::Or) {
                for side in [&left, &right] {
                    if !matches!(side, Expr::Binary(o, ..) if o.is_truth()) {
                        return Err(("`and` and `or` join comparisons".to_owned(), None));
                    }
                }
            }
            left = Expr::Binary(op, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn either(&mut self) -> Result<Expr, Wrong> {
        self.chain(&[("or", Op::Or), ("||", Op::Or)], Self::both)
    }

    fn both(&mut self) -> Result<Expr, Wrong> {
        self.chain(&[("and", Op::And), ("&&", Op::And)], Self::comparison)
    }

    fn comparison(&mut self) -> Result<Expr, Wrong> {
        let left = self.sum()?;
        let ops = [
            ("<=", Op::AtMost),
            (">=", Op::AtLeast),
            ("==", Op::Equal),
            ("=", Op::Equal),
            ("!=", Op::NotEqual),
            ("<", Op::Below),
            (">", Op::Above),
        ];
        let Some(op) = self.take(&ops) else { return Ok(left) };
        let right = self.sum()?;
        // Beside words a number is a version: `kernel >= 6.6`.
        let (left, right) = match (left, right) {
            (l, Expr::Number(n, _)) if l.is_words() => return Err(no_words(&l, n)),
            (Expr::Number(n, _), r) if r.is_words() => return Err(no_words(&r, n)),
            sides => sides,
        };
        comparable(&left, &right)?;
        self.known_word(op, &left, &right)?;
        self.known_word(op, &right, &left)?;
        Ok(Expr::Binary(op, Box::new(left), Box::new(right)))
    }

    /// A word that is compared with an axis must be one of its values, and one that is put in order a version: otherwise
    /// the condition would be the same for all points, by a slip of the pen.
    fn known_word(&self, op: Op, word: &Expr, other: &Expr) -> Result<(), Wrong> {
        let Expr::Text(text) = word else { return Ok(()) };
        let Expr::Axis { axis, listed, .. } = other else { return Ok(()) };
        let axis = &self.names.axes[*axis];
        if matches!(op, Op::Equal | Op::NotEqual) {
            let known = |c: &Cell| matches!(c, Cell::Text(t) if t == text);
            if listed.iter().any(known) {
                return Ok(());
            }
            let words =
                || listed.iter().filter_map(|c| if let Cell::Text(t) = c { Some(t.as_str()) } else { None });
            let help = match nearest(text, words()) {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None => Some(format!("its words are {}", words().take(8).collect::<Vec<_>>().join(", ")))
                    .filter(|_| words().next().is_some()),
            };
            return Err((format!("axis `{}` has no value `{}`", axis.name, units::shorten(text)), help));
        }
        if version(text).is_some() {
            return Ok(());
        }
        match resolve_kernel(text) {
            Err(e) if axis.sets_kernel() => Err((e.message, Some(e.help))),
            _ => Err((
                format!("`{}` is a word, and words have no order", units::shorten(text)),
                Some("kernel versions have one, such as `kernel >= 6.6`".to_owned()),
            )),
        }
    }

    fn sum(&mut self) -> Result<Expr, Wrong> {
        self.chain(&[("+", Op::Plus), ("-", Op::Minus)], Self::product)
    }

    fn product(&mut self) -> Result<Expr, Wrong> {
        self.chain(&[("*", Op::Times), ("/", Op::Over)], Self::atom)
    }

    fn atom(&mut self) -> Result<Expr, Wrong> {
        let Some((first, rest)) = self.tokens.split_first() else {
            return Err(("something is missing at the end".to_owned(), None));
        };
        self.tokens = rest;
        match first {
            Token::Sign("(") => {
                let inner = self.either()?;
                match self.tokens.split_first() {
                    Some((Token::Sign(")"), rest)) => self.tokens = rest,
                    _ => return Err(("a `)` is missing".to_owned(), None)),
                }
                Ok(inner)
            }
            Token::Sign("-") => {
                let inner = self.atom()?;
                Ok(Expr::Binary(Op::Minus, Box::new(Expr::Number(0.0, Dim::Plain)), Box::new(inner)))
            }
            Token::Sign(s) => Err((format!("`{s}` is not expected here"), None)),
            Token::Quoted(t) => Ok(Expr::Text(t.clone())),
            Token::Number(t) => number(t),
            Token::Name(n) => self.name(n),
        }
    }

    fn name(&self, name: &str) -> Result<Expr, Wrong> {
        let bundle = self.names.axes.iter().position(|a| a.path().is_none() && a.name == name);
        if let Some(axis) = bundle {
            let listed = self.names.axes[axis].values.iter().map(|v| Cell::Text(v.label.clone())).collect();
            return Ok(Expr::Axis { axis, listed, dim: Dim::Other });
        }
        let info = match key_info(name) {
            Ok(info) => info,
            // A word that is no key, such as `page` in `rx.nic == page`.
            Err(_) if !name.contains('.') => return Ok(Expr::Text(name.to_owned())),
            Err((message, help)) => return Err((message, help)),
        };
        if let Some(axis) = self.names.axes.iter().position(|a| a.claims(&info.claim())) {
            return self.of_axis(axis, name, &info);
        }
        let Names { axes, template, kernel } = self.names;
        if !template.says(name) && info.path.contains(".sysctl.") && axes.iter().any(Axis::sets_kernel) {
            return Err((
                format!("`{name}` is the kernel's default, and the kernel is an axis"),
                Some("give the key a value in the base".to_owned()),
            ));
        }
        let Some(text) = template.value(name, kernel) else {
            return Err((
                format!("`{name}` has no value: neither an axis nor the base sets it"),
                Some("set it in the base".to_owned()),
            ));
        };
        Ok(match cell(&info, &text) {
            Cell::Number(n) => Expr::Number(n, Dim::of(info.quantity)),
            _ => Expr::Text(text),
        })
    }

    fn of_axis(&self, axis: usize, name: &str, info: &KeyInfo) -> Result<Expr, Wrong> {
        let a = &self.names.axes[axis];
        let texts: Option<Vec<String>> = (0..a.values.len()).map(|i| a.sets(i, info)).collect();
        let Some(texts) = texts else {
            return Err((
                format!("`{name}` is only a part of what axis `{}` sets", a.name),
                Some(format!("compare `{}` itself", a.name)),
            ));
        };
        let listed = texts.iter().map(|t| cell(info, t)).collect();
        Ok(Expr::Axis { axis, listed, dim: Dim::of(info.quantity) })
    }
}

/// Numbers of the same kind can be compared; zero with anything, and bytes with a plain number, as in a scenario.
fn comparable(left: &Expr, right: &Expr) -> Result<(), Wrong> {
    let (l, r) = (left.dim(), right.dim());
    let zero = |e: &Expr| matches!(e, Expr::Number(0.0, _));
    let bytes = |d: Dim| matches!(d, Dim::Bytes | Dim::Plain);
    if l == r || l == Dim::Other || r == Dim::Other || zero(left) || zero(right) || (bytes(l) && bytes(r)) {
        return Ok(());
    }
    let bare = |e: &Expr, other: Dim| match e {
        Expr::Number(n, Dim::Plain) => Some(format!("give {n} a unit, such as {n}{}", other.unit())),
        _ => None,
    };
    let help = bare(left, r).or_else(|| bare(right, l));
    Err((format!("this compares {} with {}", l.name(), r.name()), help))
}

impl Expr {
    /// What its numbers count.
    fn dim(&self) -> Dim {
        match self {
            Self::Number(_, dim) | Self::Axis { dim, .. } => *dim,
            Self::Text(_) => Dim::Other,
            Self::Binary(op, a, b) => match (op, a.dim(), b.dim()) {
                (Op::Plus | Op::Minus, a, b) if a == b => a,
                (Op::Plus | Op::Minus, Dim::Plain, d) | (Op::Plus | Op::Minus, d, Dim::Plain) => d,
                (Op::Times, Dim::Plain, d) | (Op::Times | Op::Over, d, Dim::Plain) => d,
                (Op::Over, a, b) if a == b && a != Dim::Other => Dim::Plain,
                _ => Dim::Other,
            },
        }
    }

    fn is_words(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Axis { listed, .. } => listed.iter().all(|c| matches!(c, Cell::Text(_))),
            _ => false,
        }
    }
}

fn no_words(words: &Expr, n: f64) -> Wrong {
    let which = match words {
        Expr::Text(t) => format!("`{t}`"),
        _ => "this key".to_owned(),
    };
    (format!("{which} is a word, and {n} a number"), Some("put the text into quotes".to_owned()))
}

fn cell(info: &KeyInfo, text: &str) -> Cell {
    match (info.quantity, info.quantity.number(text)) {
        (Quantity::Word, _) | (_, None) => Cell::Text(text.trim().to_owned()),
        (_, Some(n)) => Cell::Number(n as f64),
    }
}

fn number(text: &str) -> Result<Expr, Wrong> {
    // `5.10` is a version: kernels are the only values with a point and no unit.
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    if plain {
        return text
            .parse()
            .map(|n| Expr::Number(n, Dim::Plain))
            .map_err(|_| (format!("`{text}` is not a number"), None));
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        let factor = text.parse::<f64>().map_err(|_| (format!("`{text}` is not a number"), None))?;
        return Ok(if version(text).is_some_and(|(major, _)| major >= 5) {
            Expr::Text(text.to_owned())
        } else {
            Expr::Number(factor, Dim::Plain)
        });
    }
    let read = [
        (units::parse_size(text), Dim::Bytes),
        (units::parse_time(text), Dim::Time),
        (units::parse_rate(text), Dim::Rate),
        (units::parse_share(text), Dim::Share),
    ];
    match read.iter().find_map(|(r, dim)| Some((*r.as_ref().ok()?, *dim))) {
        Some((n, dim)) => Ok(Expr::Number(n as f64, dim)),
        None => Err((
            format!("`{text}` is not a number with a unit"),
            Some(
                "sizes are B KiB MiB GiB kB MB GB, rates bit kbit mbit gbit, times ns us ms s, shares %"
                    .to_owned(),
            ),
        )),
    }
}
