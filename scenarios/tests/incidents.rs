//! Incident files: all play, reproductions reproduce, and what cannot be meant is refused with its line.

use scenarios::incident::{Figure, Kind, Replayed, replay};
use std::path::{Path, PathBuf};

fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("library/incidents")
}
fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/incident/first_incident.ron")
}

/// Every incident file of the library that is played at once; cascades have tests of their own.
fn replays() -> Vec<Replayed> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(library())
        .expect("the library is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ron"))
        .filter(|path| !std::fs::read_to_string(path).expect("reads").contains("\n    cascade: ("))
        .collect();
    files.sort();
    assert!(files.len() >= 10, "{files:?}");
    let played = files.iter().map(|path| {
        replay(path, &[]).unwrap_or_else(|e| panic!("{}: {:?}", path.display(), e.places()))
    });
    played.collect()
}

#[test]
fn every_incident_plays_and_every_reproduction_is_as_near_as_its_file_says() {
    for played in replays() {
        let id = &played.incident.id;
        assert!(!played.incident.sources.is_empty() && !played.figures.is_empty(), "{id}");
        let stem = played.path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(stem.starts_with(id.as_str()), "{stem} is the incident {id}");
        for measured in &played.figures {
            let Figure { name, kind, note, .. } = &measured.figure;
            let what = format!("{id}: {name}: {measured:?}");
            assert!(measured.simulated.is_finite(), "{what}");
            match kind {
                Kind::Reproduction => assert!(measured.figure.is_met(measured.simulated), "{what}"),
                // A model may miss; then the file says why.
                Kind::Model => assert!(
                    measured.figure.is_met(measured.simulated) || !note.is_empty(),
                    "{what}"
                ),
            }
            assert!(
                measured.figure.within_percent.is_none() || !note.is_empty(),
                "a tolerance of its own has a reason: {what}"
            );
        }
    }
}

/// A number as `ballast incidents` prints it.
fn number(x: f64) -> String {
    if x.abs() >= 1e7 { format!("{x:.0}") } else { format!("{x:.6}") }
}

#[test]
fn the_page_of_incidents_shows_what_is_simulated() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/incidents.md");
    let page = std::fs::read_to_string(page).expect("reads");
    for entry in std::fs::read_dir(library()).expect("the library is there") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("reads");
        let id =
            text.split("id: \"").nth(1).and_then(|rest| rest.split('"').next()).expect("an id");
        assert!(page.contains(&format!("`{id}`")), "docs/incidents.md lacks {id}");
    }
    for played in replays() {
        assert!(page.contains(&format!("`{}`: {}", played.incident.id, played.incident.name)));
        for measured in &played.figures {
            let Figure { name, unit, recorded, confidence, note, .. } = &measured.figure;
            let recorded = number(recorded.expect("an incident was recorded"));
            let simulated = number(measured.simulated);
            let row = format!("| {name} ({unit}) | {recorded} | {confidence:.2} | {simulated} |");
            assert!(
                page.contains(&row),
                "docs/incidents.md lacks `{row}`: run `ballast incidents --markdown`"
            );
            assert!(page.contains(note.as_str()), "docs/incidents.md lacks the note: {note}");
        }
    }
}

#[test]
fn a_figure_is_met_within_its_last_digit_or_what_its_file_says() {
    let text = std::fs::read_to_string(example()).expect("reads");
    let played = replay(&example(), &[]).expect("plays");
    assert!(text.contains("recorded: 4.0"));
    let mut figure = played.figures[0].figure.clone();
    // Half of the last digit, at least a thousandth and at most a percent.
    for (recorded, near, far) in
        [(71.41, 71.481, 71.482), (1_193.0, 1_194.19, 1_194.2), (3e6, 3.029e6, 3.031e6)]
    {
        figure.recorded = Some(recorded);
        assert!(figure.is_met(near) && !figure.is_met(far), "{recorded}");
        assert!(!figure.is_met(-recorded));
    }
    figure.within_percent = Some(5.0);
    figure.recorded = Some(100.0);
    assert!(figure.is_met(95.0) && !figure.is_met(94.9));
}

#[test]
fn the_example_of_the_documentation_plays_and_is_what_the_page_shows() {
    let played = replay(&example(), &[]).expect("plays");
    for measured in &played.figures {
        // On paper: 100,000 dollars for half of the pair; twice the dollars over half of the tokens; three
        // quarters of 200,000 lent, less the 100,000 paid; tokens worth 50,000 against 150,000 owed.
        let recorded = measured.figure.recorded.expect("worked out");
        let off = (measured.simulated - recorded).abs();
        assert!(off <= 1e-6 * recorded, "{measured:?}");
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/writing-a-scenario.md");
    let page = std::fs::read_to_string(page).expect("reads");
    let file = std::fs::read_to_string(example()).expect("reads");
    let mut shown = 0;
    for block in page.split("```ron\n").skip(1) {
        let block = block.split("```").next().expect("a block ends");
        for line in block.lines().map(str::trim).filter(|line| !line.is_empty()) {
            assert!(file.lines().any(|l| l.trim() == line), "not in the example: {line}");
            shown += 1;
        }
    }
    let all = file.lines().filter(|line| line.trim().len() > 3).count();
    assert!(shown * 10 >= all * 9, "the page shows {shown} of {all} lines");
}

/// Replays the example with one text in place of another: it must be refused on the line of `at`, with these
/// words in the problem or its fix.
fn refused(old: &str, new: &str, at: &str, words: &[&str]) {
    refused_in(&example(), old, new, at, words);
}

/// The same of another file.
fn refused_in(file: &Path, old: &str, new: &str, at: &str, words: &[&str]) {
    let text = std::fs::read_to_string(file).expect("reads");
    assert_eq!(text.matches(old).count(), 1, "{old}");
    let wrong = text.replace(old, new);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("wrong.ron");
    std::fs::write(&path, &wrong).expect("writes");
    let places = replay(&path, &[]).expect_err(new).places();
    assert!(!places.is_empty(), "{new}");
    let line = wrong[..wrong.find(at).expect("the line is there")].matches('\n').count() + 1;
    assert_eq!(places[0].line, line, "{new}: {places:?}");
    let fix = places[0].help.as_deref().unwrap_or_default();
    assert!(!fix.is_empty(), "{new}: {places:?}");
    for word in words {
        assert!(places[0].message.contains(word) || fix.contains(word), "{new}: {places:?}");
    }
}

#[test]
fn a_perpetual_market_refuses_what_it_cannot_count_or_pay() {
    let offer = r#"label: "offer", by"#;
    let withdraw = r#"label: "withdraw", by"#;
    let table: &[(&str, &str, &str, &[&str])] = &[
        (r#"lot: "1", tick: "0.0001""#, r#"lot: "1", tick: "0""#, "Perpetual(", &["lot", "tick"]),
        (r#"lot: "1", tick"#, r#"lot: "0.001", tick"#, "Perpetual(", &["lot", "tick"]),
        ("maintenance_margin_bps: 1000", "maintenance_margin_bps: 3000", "Perpetual(", &["terms"]),
        (r#"size: "483000000", price"#, r#"size: "0.5", price"#, offer, &["lots"]),
        (r#"price: "0.0382")"#, r#"price: "0.03825")"#, offer, &["ticks"]),
        (r#"maker: "A""#, r#"maker: "nobody""#, r#"label: "take", by"#, &["nobody"]),
        // Beyond what there is; and profit that nobody has paid in.
        (r#"Tokens("116000000")"#, r#"Tokens("126000001")"#, withdraw, &["withdraw", "venue"]),
        (
            "profit_backs_withdrawals: true",
            "profit_backs_withdrawals: false",
            withdraw,
            &["margin"],
        ),
    ];
    let file = library().join("mango_2022_10_11.ron");
    for (old, new, at, words) in table {
        refused_in(&file, old, new, at, words);
    }
}

#[test]
fn mistakes_are_refused_on_their_line_with_a_fix() {
    let table: &[(&str, &str, &str, &[&str])] = &[
        // What there is not.
        (
            r#"Spot(name: "TOK/USD", asset"#,
            r#"Oracle(name: "TOK/USD", asset"#,
            "Oracle(",
            &["Oracle", "Spot", "Median"],
        ),
        ("Pooled(name", "Solidly(name", "Solidly(", &["Solidly", "Compound", "Vaults"]),
        ("ConstantProduct(name", "Orderbook(name", "Orderbook(", &["Orderbook", "StableSwap"]),
        ("Said(label", "Volume(label", "Volume(", &["Volume", "Said"]),
        (
            "flash_premium_bps: 0, res",
            "flash_fee_bps: 0, res",
            "flash_fee_bps",
            &["flash_fee_bps", "flash_premium_bps"],
        ),
        // Names.
        (
            r#"asset: "TOK", pool: "pair""#,
            r#"asset: "TOKK", pool: "pair""#,
            "TOKK",
            &["TOKK", "TOK"],
        ),
        (
            r#"Swap(pool: "pair", give"#,
            r#"Swap(pool: "pear", give"#,
            r#"label: "attack", by"#,
            &["pear", "pair"],
        ),
        (r#"by: "lenders""#, r#"by: "lender""#, r#"by: "lender""#, &["lenders"]),
        (r#"label: "attack", feed"#, r#"label: "atack", feed"#, "atack", &["attack"]),
        // Numbers.
        (r#"tokens: "400000""#, r#"tokens: "400000.1234567""#, "400000.1234567", &["6 decimals"]),
        (r#"tokens: "400000""#, r#"tokens: "4e5""#, "4e5", &["decimal"]),
        ("fee_pips: 0", "fee_pips: 1000000", "fee_pips: 1000000", &["100 %"]),
        (
            r#"(name: "attacker"),"#,
            r#"(name: "attacker"), (name: "attacker"),"#,
            r#"(name: "attacker"), ("#,
            &["twice"],
        ),
        ("ltv_bps: 7500", "ltv_bps: 17500", "Pooled(name", &["17500", "deployed"]),
        (
            "recorded: 4.0, unit: \"USD\", basis: Derived, confidence: 1.0",
            "recorded: 4.0, unit: \"USD\", basis: Derived, confidence: 2.0",
            "confidence: 2.0",
            &["confidence"],
        ),
        ("2024-01-01T00:00:00Z", "the first of January", "the first", &["moment"]),
        // What the chain refuses.
        (r#"much: MaxBorrow"#, r#"much: Tokens("160000")"#, r#"label: "attack", by"#, &["borrow"]),
        (
            r#"tokens: "100000", body"#,
            r#"tokens: "500000", body"#,
            r#"label: "attack", by"#,
            &["flash_loan"],
        ),
        (r#"sources: ["docs/writing-a-scenario.md"]"#, "sources: []", "sources", &["sources"]),
        ("schema: 1,", "schema: 7,", "schema: 7", &["schema 7"]),
    ];
    for (old, new, at, words) in table {
        refused(old, new, at, words);
    }
}
