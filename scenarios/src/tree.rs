//! A scenario's text as a tree of spans: where each field is, without knowing what it means.
//!
//! The typed parser says what is wrong with a value; this tree says on which line a value stands
//! (for the semantic checks) and where to splice an override (`--set a.b=c`), so that comments and
//! enum variants survive it.

use std::ops::Range;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Bytes of the whole value, a leading type name included.
    pub(crate) span: Range<usize>,
    /// What is inside.
    pub(crate) kind: Kind,
}

/// What a value consists of.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// `(a: 1, b: 2)`, `Name(a: 1)` or `{"a": 1}`; `end` is the byte of the closing bracket.
    Fields { fields: Vec<Field>, end: usize },
    /// `[1, 2]` or `(1, 2)`.
    Items(Vec<Node>),
    /// A number, string, char, bool or bare name.
    Scalar,
}

/// One `key: value`.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// The key.
    pub(crate) key: String,
    /// The value.
    pub(crate) node: Node,
}

/// Text that is not RON, at a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotRon(pub(crate) usize);

/// Parses a whole document.
pub(crate) fn parse(text: &str) -> Result<Node, NotRon> {
    let mut cursor = Cursor { text, at: 0, depth: 0 };
    cursor.skip()?;
    while cursor.rest().starts_with("#!") {
        let close = cursor.rest().find(']').ok_or(NotRon(cursor.at))?;
        cursor.at += close + 1;
        cursor.skip()?;
    }
    let node = cursor.value()?;
    cursor.skip()?;
    if cursor.at < text.len() { Err(NotRon(cursor.at)) } else { Ok(node) }
}

impl Node {
    /// The child under a key, an index, or the name of a list's item (its `symbol`, `name` or
    /// `asset` field).
    pub(crate) fn child<'a>(&'a self, text: &str, step: &str) -> Option<&'a Self> {
        match &self.kind {
            Kind::Fields { fields, .. } => fields.iter().find(|f| f.key == step).map(|f| &f.node),
            Kind::Items(items) => match step.parse::<usize>() {
                Ok(i) => items.get(i),
                Err(_) => items.iter().find(|item| item.name(text) == Some(step)),
            },
            Kind::Scalar => None,
        }
    }

    /// The node at a dotted path, or the deepest one that exists and how many steps led to it.
    pub(crate) fn descend<'a>(&'a self, text: &str, steps: &[&str]) -> (&'a Self, usize) {
        let mut node = self;
        for (i, step) in steps.iter().enumerate() {
            match node.child(text, step) {
                Some(child) => node = child,
                None => return (node, i),
            }
        }
        (node, steps.len())
    }

    /// What a list's item calls itself.
    fn name<'a>(&self, text: &'a str) -> Option<&'a str> {
        let Kind::Fields { fields, .. } = &self.kind else { return None };
        let field = ["symbol", "name", "asset"]
            .iter()
            .find_map(|key| fields.iter().find(|f| f.key == *key))?;
        Some(text[field.node.span.clone()].trim_matches('"'))
    }

    /// The steps that lead further: keys, or item names and indices.
    pub(crate) fn steps(&self, text: &str) -> Vec<String> {
        match &self.kind {
            Kind::Fields { fields, .. } => fields.iter().map(|f| f.key.clone()).collect(),
            Kind::Items(items) => items
                .iter()
                .enumerate()
                .map(|(i, item)| item.name(text).map_or_else(|| i.to_string(), str::to_owned))
                .collect(),
            Kind::Scalar => Vec::new(),
        }
    }
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }
    fn bump(&mut self, c: char) {
        self.at += c.len_utf8();
    }

    /// Whitespace and comments; block comments nest.
    fn skip(&mut self) -> Result<(), NotRon> {
        loop {
            let trimmed = self.rest().trim_start();
            self.at = self.text.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                let start = self.at;
                let mut depth = 0_usize;
                loop {
                    let rest = self.rest();
                    if rest.starts_with("/*") {
                        depth += 1;
                        self.at += 2;
                    } else if rest.starts_with("*/") {
                        depth -= 1;
                        self.at += 2;
                        if depth == 0 {
                            break;
                        }
                    } else {
                        let c = self.peek().ok_or(NotRon(start))?;
                        self.bump(c);
                    }
                }
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self) -> Result<Node, NotRon> {
        let start = self.at;
        self.depth += 1;
        if self.depth > 128 {
            return Err(NotRon(start));
        }
        let node = match self.peek().ok_or(NotRon(start))? {
            '(' => self.bracketed(start, ')'),
            '[' => self.bracketed(start, ']'),
            '{' => self.bracketed(start, '}'),
            '"' => {
                self.string()?;
                Ok(self.scalar(start))
            }
            '\'' => {
                self.at += 1;
                let mut escaped = false;
                while let Some(c) = self.peek() {
                    self.bump(c);
                    if c == '\'' && !escaped {
                        break;
                    }
                    escaped = c == '\\' && !escaped;
                }
                Ok(self.scalar(start))
            }
            _ => {
                if self.rest().starts_with("r\"") || self.rest().starts_with("r#") {
                    self.raw_string()?;
                    return self.leave(Ok(self.scalar(start)));
                }
                self.word();
                if self.at == start {
                    return Err(NotRon(start));
                }
                let after = self.at;
                self.skip()?;
                let named = self.text[start..].starts_with(|c: char| c.is_alphabetic() || c == '_');
                if named && self.peek() == Some('(') {
                    self.bracketed(start, ')')
                } else {
                    self.at = after;
                    Ok(self.scalar(start))
                }
            }
        };
        self.leave(node)
    }

    fn leave(&mut self, node: Result<Node, NotRon>) -> Result<Node, NotRon> {
        self.depth -= 1;
        node
    }

    fn scalar(&self, start: usize) -> Node {
        Node { span: start..self.at, kind: Kind::Scalar }
    }

    fn word(&mut self) {
        while let Some(c) = self.peek() {
            if c.is_alphanumeric() || matches!(c, '_' | '+' | '-' | '.' | '#') {
                self.bump(c);
            } else {
                break;
            }
        }
    }

    fn string(&mut self) -> Result<(), NotRon> {
        let start = self.at;
        self.at += 1;
        loop {
            let c = self.peek().ok_or(NotRon(start))?;
            self.bump(c);
            match c {
                '\\' => {
                    let c = self.peek().ok_or(NotRon(start))?;
                    self.bump(c);
                }
                '"' => return Ok(()),
                _ => {}
            }
        }
    }

    fn raw_string(&mut self) -> Result<(), NotRon> {
        let start = self.at;
        self.at += 1;
        let hashes = self.rest().bytes().take_while(|b| *b == b'#').count();
        self.at += hashes + 1;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = self.text.get(self.at..).and_then(|rest| rest.find(&close));
        self.at += end.ok_or(NotRon(start))? + close.len();
        Ok(())
    }

    /// The inside of a bracket that opens here; `start` is where the value began.
    fn bracketed(&mut self, start: usize, close: char) -> Result<Node, NotRon> {
        self.at += 1;
        let mut fields = Vec::new();
        let mut items = Vec::new();
        loop {
            self.skip()?;
            let c = self.peek().ok_or(NotRon(self.at))?;
            if c == close {
                break;
            }
            let first = self.value()?;
            self.skip()?;
            if self.peek() == Some(':') {
                self.at += 1;
                self.skip()?;
                let node = self.value()?;
                let key = self.text[first.span].trim_matches('"').to_owned();
                fields.push(Field { key, node });
                self.skip()?;
            } else {
                items.push(first);
            }
            match self.peek() {
                Some(',') => self.at += 1,
                Some(c) if c == close => {}
                _ => return Err(NotRon(self.at)),
            }
        }
        let end = self.at;
        self.at += 1;
        let kind = if close == ']' || !items.is_empty() {
            Kind::Items(items)
        } else {
            Kind::Fields { fields, end }
        };
        Ok(Node { span: start..self.at, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"#![enable(implicit_some)]
// a comment ( with brackets
(schema: 1, /* nested /* comment */ */ assets: [(symbol: "WETH", decimals: 18), (symbol: "USDC")],
 kind: Garch(alpha: 0.08, tail: (1, 2)), note: "a \" ) quote", raw: r#"x"y"#, neg: -1.5e-3)
"##;

    #[test]
    fn a_path_finds_its_value_by_key_index_and_name() {
        let text = TEXT;
        let root = parse(text).expect("parses");
        let at = |path: &str| {
            let steps: Vec<_> = path.split('.').collect();
            let (node, n) = root.descend(text, &steps);
            assert_eq!(n, steps.len(), "{path}");
            text[node.span.clone()].to_owned()
        };
        assert_eq!(at("schema"), "1");
        assert_eq!(at("assets.0.decimals"), "18");
        assert_eq!(at("assets.USDC.symbol"), "\"USDC\"");
        assert_eq!(at("kind.alpha"), "0.08");
        assert_eq!(at("kind.tail.1"), "2");
        assert_eq!(at("neg"), "-1.5e-3");
    }

    #[test]
    fn text_that_is_not_ron_is_refused_not_looped_over() {
        for text in ["", "(", "(a: ", "(a: 1", "[1, 2", "\"open", "(a: 1) trailing", "(a 1)", ")"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
