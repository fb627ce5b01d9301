//! Writes a source file with all of its faults in it, each behind a switch.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::Fault;

type Range = (usize, usize);

/// A part of what replaces a range.
enum Piece {
    Text(String),
    /// A range of the original, as it was.
    Original(Range),
    /// A range of the original, with the edits within it.
    Edited(Range),
}

struct Edit {
    at: Range,
    pieces: Vec<Piece>,
}

struct Source<'a> {
    text: &'a str,
    lines: Vec<usize>,
}

impl Source<'_> {
    /// Byte offset of a line (from 1) and a column in characters (from 0).
    fn at(&self, line: usize, column: usize) -> usize {
        let from = self.lines[line - 1];
        let rest = &self.text[from..];
        rest.char_indices().nth(column).map_or(self.text.len(), |(i, _)| from + i)
    }
    fn range(&self, span: Span) -> Range {
        let at = |p: LineColumn| self.at(p.line, p.column);
        (at(span.start()), at(span.end()))
    }
}

/// The file with its faults, and the ids of those that have no place in such a copy.
pub fn instrument(text: &str, faults: &[(u32, Fault)]) -> syn::Result<(String, Vec<u32>)> {
    let mut lines = vec![0];
    lines.extend(text.match_indices('\n').map(|(i, _)| i + 1));
    let source = Source { text, lines };
    let mut walk =
        Walk { source: &source, faults, edits: vec![], bodies: vec![], placed: BTreeSet::new() };
    walk.visit_file(&syn::parse_file(text)?);
    walk.bodies();
    let Walk { mut edits, placed, .. } = walk;
    edits.sort_by_key(|e| (e.at.0, Reverse(e.at.1)));
    let mut out = String::new();
    render(text, &edits, (0, text.len()), 0, &mut out);
    Ok((out, faults.iter().map(|(id, _)| *id).filter(|id| !placed.contains(id)).collect()))
}

fn render(text: &str, edits: &[Edit], range: Range, from: usize, out: &mut String) {
    let mut at = range.0;
    // Sorted by start, the widest first: those after `from` and within the range.
    for (i, edit) in edits.iter().enumerate().skip(from) {
        let (start, end) = edit.at;
        if start > range.1 || start == range.1 && end > range.1 {
            break;
        }
        if start < at || end > range.1 {
            continue;
        }
        out.push_str(&text[at..start]);
        for piece in &edit.pieces {
            match piece {
                Piece::Text(s) => out.push_str(s),
                Piece::Original((from, to)) => out.push_str(&text[*from..*to]),
                Piece::Edited(inner) => render(text, edits, *inner, i + 1, out),
            }
        }
        at = end;
    }
    out.push_str(&text[at..range.1]);
}

struct Walk<'a> {
    source: &'a Source<'a>,
    faults: &'a [(u32, Fault)],
    edits: Vec<Edit>,
    /// Bodies of functions.
    bodies: Vec<Range>,
    placed: BTreeSet<u32>,
}

fn piece(text: impl Into<String>) -> Piece {
    Piece::Text(text.into())
}

/// `switch`, between comments that tell which fault a compiler's complaint is about.
fn marked(id: u32, text: &str) -> String {
    format!("/*<{id}*/{text}/*{id}>*/")
}

fn has_let(expr: &syn::Expr) -> bool {
    match expr {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(b) => has_let(&b.left) || has_let(&b.right),
        _ => false,
    }
}

impl<'a> Walk<'a> {
    fn find(&self, genre: &str, start: usize) -> Vec<(u32, &'a Fault)> {
        let here = |f: &Fault| f.genre == genre && self.start(f) == start;
        self.faults.iter().filter(|(_, f)| here(f)).map(|(id, f)| (*id, f)).collect()
    }
    fn start(&self, fault: &Fault) -> usize {
        self.source.at(fault.span.start.line, fault.span.start.column - 1)
    }

    /// `(if on(1) { … } else if on(2) { … } else { as it was })`
    fn alternatives(
        &mut self,
        faults: &[(u32, &Fault)],
        at: Range,
        mut faulty: impl FnMut(u32, &Fault) -> Vec<Piece>,
        sound: Vec<Piece>,
    ) {
        let mut pieces = vec![piece("(")];
        for (id, fault) in faults {
            self.placed.insert(*id);
            pieces.push(piece(format!("if ::switch::on({id}) /*<{id}*/{{")));
            pieces.extend(faulty(*id, fault));
            pieces.push(piece(format!("}}/*{id}>*/ else ")));
        }
        pieces.push(piece("{"));
        pieces.extend(sound);
        pieces.push(piece("})"));
        self.edits.push(Edit { at, pieces });
    }

    /// Faults that replace a function's body: a return at its beginning.
    fn bodies(&mut self) {
        for (id, fault) in self.faults.iter().filter(|(_, f)| f.genre == "FnValue") {
            let start = self.start(fault);
            let end = self.source.at(fault.span.end.line, fault.span.end.column - 1);
            let around = self.bodies.iter().filter(|b| b.0 < start && end < b.1);
            let Some(body) = around.min_by_key(|b| b.1 - b.0).copied() else { continue };
            self.placed.insert(*id);
            let value = marked(*id, &format!("{{ return {}; }}", fault.replacement));
            let pieces = vec![piece(format!(" if ::switch::on({id}) {value} "))];
            self.edits.push(Edit { at: (body.0 + 1, body.0 + 1), pieces });
        }
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_fn(&mut self, f: &'ast syn::ItemFn) {
        self.bodies.push(self.source.range(f.block.span()));
        visit::visit_item_fn(self, f);
    }
    fn visit_impl_item_fn(&mut self, f: &'ast syn::ImplItemFn) {
        self.bodies.push(self.source.range(f.block.span()));
        visit::visit_impl_item_fn(self, f);
    }
    fn visit_trait_item_fn(&mut self, f: &'ast syn::TraitItemFn) {
        if let Some(body) = &f.default {
            self.bodies.push(self.source.range(body.span()));
        }
        visit::visit_trait_item_fn(self, f);
    }

    fn visit_expr_binary(&mut self, e: &'ast syn::ExprBinary) {
        let operator = self.source.range(e.op.span());
        let faults = self.find("BinaryOperator", operator.0);
        if !faults.is_empty() && !has_let(&e.left) && !has_let(&e.right) {
            let (l, r) = (self.source.range(e.left.span()), self.source.range(e.right.span()));
            self.alternatives(
                &faults,
                (l.0, r.1),
                |_, f| {
                    let operator = piece(format!(") {} (", f.replacement));
                    vec![piece("("), Piece::Original(l), operator, Piece::Original(r), piece(")")]
                },
                vec![
                    Piece::Edited(l),
                    piece(" "),
                    Piece::Original(operator),
                    piece(" "),
                    Piece::Edited(r),
                ],
            );
        }
        visit::visit_expr_binary(self, e);
    }

    fn visit_expr_unary(&mut self, e: &'ast syn::ExprUnary) {
        let operator = self.source.range(e.op.span());
        let faults = self.find("UnaryOperator", operator.0);
        if !faults.is_empty() {
            let inner = self.source.range(e.expr.span());
            self.alternatives(
                &faults,
                (operator.0, inner.1),
                |_, _| vec![Piece::Original(inner)],
                vec![Piece::Original(operator), Piece::Edited(inner)],
            );
        }
        visit::visit_expr_unary(self, e);
    }

    fn visit_expr_struct(&mut self, e: &'ast syn::ExprStruct) {
        let at = self.source.range(e.span());
        let mut faults = Vec::new();
        let mut fields = BTreeMap::new();
        for pair in e.fields.pairs() {
            let (start, mut end) = self.source.range(pair.value().span());
            if let Some(comma) = pair.punct() {
                end = self.source.range(comma.span()).1;
            }
            for (id, fault) in self.find("StructField", start) {
                fields.insert(id, (start, end));
                faults.push((id, fault));
            }
        }
        if !faults.is_empty() {
            let without = |id: u32, _: &Fault| {
                let (start, end) = fields[&id];
                vec![Piece::Original((at.0, start)), Piece::Original((end, at.1))]
            };
            self.alternatives(&faults, at, without, vec![Piece::Edited(at)]);
        }
        visit::visit_expr_struct(self, e);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let (start, _) = self.source.range(arm.span());
        let guard = arm.guard.as_ref().map(|(_, g)| (self.source.range(g.span()), has_let(g)));
        let deleted = self.find("MatchArm", start);
        let guards = guard.map_or(Vec::new(), |(at, _)| self.find("MatchArmGuard", at.0));
        let switchable = guard.is_none_or(|(_, has_let)| !has_let);
        if switchable && !(deleted.is_empty() && guards.is_empty()) {
            self.placed.extend(deleted.iter().chain(&guards).map(|(id, _)| *id));
            let off = |id: u32| marked(id, &format!("!::switch::on({id})"));
            let on = |id: u32| marked(id, &format!("::switch::on({id})"));
            let mut condition = "true".to_owned();
            for (id, _) in &deleted {
                condition += &format!(" && {}", off(*id));
            }
            let edit = if let Some((at, _)) = guard {
                condition += " && (";
                for (id, _) in guards.iter().filter(|(_, f)| f.replacement == "true") {
                    condition += &format!("{} || ", on(*id));
                }
                for (id, _) in guards.iter().filter(|(_, f)| f.replacement != "true") {
                    condition += &format!("{} && ", off(*id));
                }
                let pieces = vec![piece(condition + "("), Piece::Edited(at), piece("))")];
                Edit { at, pieces }
            } else {
                let end = self.source.range(arm.pat.span()).1;
                Edit { at: (end, end), pieces: vec![piece(format!(" if {condition} "))] }
            };
            self.edits.push(edit);
        }
        visit::visit_arm(self, arm);
    }
}
