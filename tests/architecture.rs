//! Who may depend on whom, and on what: the walls between the crates, as a test.
//!
//! A crate that cannot name a thing cannot misuse it: `markets` without `bevy_ecs` in its manifest
//! grows no systems, and `rand` without its `thread_rng` feature has no unseeded generator. To add
//! a dependency, give its reason in the commit and its name here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What one crate may depend on, outside its tests.
struct Wall {
    name: &'static str,
    /// Crates of this workspace.
    ours: &'static [&'static str],
    /// Crates of others.
    theirs: &'static [&'static str],
    /// Those of either kind that only a Cargo feature may switch on.
    optional: &'static [&'static str],
}

const WALLS: &[Wall] = &[
    Wall {
        name: "markets",
        ours: &[],
        theirs: &["arrayvec", "libm", "rand", "rand_chacha", "ruint", "serde", "thiserror"],
        optional: &[],
    },
    Wall {
        name: "protocols",
        ours: &["markets"],
        theirs: &["arrayvec", "ruint", "serde", "thiserror"],
        optional: &[],
    },
    Wall {
        name: "sim",
        ours: &["markets", "protocols"],
        theirs: &[
            "arrayvec",
            "bevy_ecs",
            "blake3",
            "libm",
            "postcard",
            "rand",
            "rand_chacha",
            "rayon",
            "serde",
            "thiserror",
        ],
        optional: &[],
    },
    Wall {
        name: "agents",
        ours: &["markets", "protocols", "sim"],
        theirs: &[
            "arrayvec",
            "bevy_ecs",
            "blake3",
            "crc32c",
            "libm",
            "microlp",
            "postcard",
            "rand",
            "rand_chacha",
            "ron",
            "serde",
            "serde_json",
            "thiserror",
        ],
        optional: &["tch", "wide"],
    },
    Wall {
        name: "scenarios",
        ours: &["markets", "protocols", "sim", "agents"],
        // Worlds are assembled here (bevy_ecs), static parameters are searched here with addressed draws
        // (rand) whose arithmetic is the same on every platform (libm). Who a change hits is drawn
        // (plotters). Price processes are fitted to records here (argmin's simplex), which users bring as CSV of
        // any dialect (csv) or Parquet.
        theirs: &[
            "argmin",
            "argmin-math",
            "bevy_ecs",
            "blake3",
            "bytes",
            "csv",
            "libm",
            "miette",
            "parquet",
            "plotters",
            "postcard",
            "rand",
            "rayon",
            "ron",
            "serde",
            "serde_json",
            "thiserror",
        ],
        optional: &[],
    },
    Wall {
        name: "viewer",
        ours: &["sim", "agents", "scenarios"],
        theirs: &["egui", "egui_plot", "png", "thiserror"],
        optional: &["eframe"],
    },
    Wall {
        name: "ballast",
        ours: &["markets", "protocols", "sim", "agents", "scenarios"],
        theirs: &[
            "clap",
            "indicatif",
            "rayon",
            "serde",
            "serde_json",
            "thiserror",
            "tracing",
            "tracing-subscriber",
        ],
        optional: &["viewer"],
    },
];

/// What any crate's tests and benches may use besides.
const FOR_TESTS: &[&str] = &[
    "criterion",
    "egui_kittest",
    "insta",
    // The pictures of docs/attacks.md.
    "plotters",
    "postcard",
    "proptest",
    "rand_chacha",
    "ron",
    "ruint",
    "serde_json",
    "tempfile",
];

/// Features that would bring a generator nobody seeded.
const UNSEEDED: &[&str] = &["thread_rng", "sys_rng", "os_rng", "default"];

/// One line of a manifest's dependency tables.
#[derive(Clone, Debug)]
struct Dependency {
    from: String,
    to: String,
    kind: Kind,
    is_optional: bool,
    default_features: bool,
    features: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Normal,
    Test,
    Build,
}

/// Every way in which `dependencies` break `walls`, as sentences.
fn breaches(walls: &[Wall], dependencies: &[Dependency]) -> Vec<String> {
    let ours: BTreeSet<&str> = walls.iter().map(|wall| wall.name).collect();
    let mut found = Vec::new();
    for dependency in dependencies {
        let Dependency { from, to, kind, is_optional, default_features, features } = dependency;
        let Some(wall) = walls.iter().find(|wall| wall.name == from) else {
            found.push(format!("`{from}` is not in the table of crates"));
            continue;
        };
        let optional = wall.optional.contains(&to.as_str());
        let allowed =
            optional || wall.ours.contains(&to.as_str()) || wall.theirs.contains(&to.as_str());
        match kind {
            Kind::Build => {
                found.push(format!("`{from}` has a build dependency, `{to}`: none is foreseen"))
            }
            Kind::Test if ours.contains(to.as_str()) && !allowed => {
                found.push(format!("the tests of `{from}` reach across to `{to}`"));
            }
            Kind::Test if !allowed && !FOR_TESTS.contains(&to.as_str()) => {
                found.push(format!(
                    "the tests of `{from}` use `{to}`, which is not listed for tests"
                ));
            }
            Kind::Normal if !allowed => found.push(format!("`{from}` may not depend on `{to}`")),
            Kind::Normal if optional && !is_optional => {
                found.push(format!("`{from}` must depend on `{to}` only behind a feature"));
            }
            Kind::Normal | Kind::Test => {}
        }
        if to == "rand" || to == "rand_chacha" {
            if *default_features {
                found.push(format!(
                    "`{from}` takes `{to}` with its default features: randomness without a seed"
                ));
            }
            for feature in features.iter().filter(|feature| UNSEEDED.contains(&feature.as_str())) {
                found.push(format!(
                    "`{from}` switches on `{to}/{feature}`: randomness without a seed"
                ));
            }
        }
    }
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What Cargo prints for `arguments`, run without network on the committed lock file.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo runs: it built this test");
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// The dependencies of every package of the workspace, and the packages' names.
fn manifests() -> (Vec<String>, Vec<Dependency>) {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: serde_json::Value = serde_json::from_str(&text).expect("cargo metadata is JSON");
    let text_of = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let mut names = Vec::new();
    let mut dependencies = Vec::new();
    for package in list(&metadata["packages"]) {
        let manifest = text_of(&package["manifest_path"]);
        if Path::new(&manifest).starts_with(root().join("examples")) {
            continue; // a user's crate, which may depend on what it likes
        }
        let from = text_of(&package["name"]);
        for dependency in list(&package["dependencies"]) {
            dependencies.push(Dependency {
                from: from.clone(),
                to: text_of(&dependency["name"]),
                kind: match dependency["kind"].as_str() {
                    None => Kind::Normal,
                    Some("dev") => Kind::Test,
                    Some(_) => Kind::Build,
                },
                is_optional: dependency["optional"] == true,
                default_features: dependency["uses_default_features"] == true,
                features: list(&dependency["features"]).iter().map(text_of).collect(),
            });
        }
        names.push(from);
    }
    (names, dependencies)
}

/// Name, version and features of everything that `cargo tree` finds with `arguments`.
fn tree(arguments: &[&str]) -> BTreeMap<(String, String), String> {
    let format = ["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}|{f}"];
    cargo(&[&format[..], arguments].concat())
        .lines()
        .filter_map(|line| {
            let (package, features) = line.split_once('|')?;
            let mut words = package.split_whitespace();
            let key = (words.next()?.to_owned(), words.next()?.to_owned());
            Some((key, features.trim_end_matches(" (*)").to_owned()))
        })
        .collect()
}

/// Every Rust source file under `folder`, in order.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return files;
    };
    let mut entries: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn lines_of(file: &Path) -> Vec<String> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{error}: {}", file.display()));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn crates_depend_only_on_what_the_table_allows() {
    let (names, dependencies) = manifests();
    let found: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let listed: BTreeSet<&str> = WALLS.iter().map(|wall| wall.name).collect();
    assert_eq!(found, listed, "the crates of the workspace and the table differ");
    assert!(
        dependencies.len() > 40,
        "only {} dependencies read: is the parsing wrong?",
        dependencies.len()
    );
    let breaches = breaches(WALLS, &dependencies);
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn the_table_itself_runs_one_way() {
    for (i, wall) in WALLS.iter().enumerate() {
        for name in wall.ours.iter().chain(wall.optional) {
            let position = WALLS.iter().position(|other| other.name == *name);
            assert!(
                position.is_none_or(|p| p < i),
                "`{}` lists `{name}`, which is not below it",
                wall.name
            );
        }
    }
    let holders = |name| -> Vec<&str> {
        let holds = |wall: &&Wall| [wall.theirs, wall.optional].concat().contains(&name);
        WALLS.iter().filter(holds).map(|wall| wall.name).collect()
    };
    assert_eq!(holders("tch"), ["agents"]);
    assert_eq!(holders("egui"), ["viewer"]);
    assert_eq!(holders("bevy_ecs"), ["sim", "agents", "scenarios"]);
    assert_eq!(holders("clap"), ["ballast"]);
}

#[test]
fn made_up_breaches_are_found() {
    let normal = |from: &str, to: &str| Dependency {
        from: from.to_owned(),
        to: to.to_owned(),
        kind: Kind::Normal,
        is_optional: false,
        default_features: false,
        features: Vec::new(),
    };
    let fine = [normal("sim", "markets"), normal("sim", "bevy_ecs"), normal("markets", "rand")];
    assert_eq!(breaches(WALLS, &fine), Vec::<String>::new());

    let seeded_by_luck = Dependency { default_features: true, ..normal("sim", "rand") };
    let thread_rng =
        Dependency { features: vec!["thread_rng".to_owned()], ..normal("agents", "rand") };
    let upward_in_tests = Dependency { kind: Kind::Test, ..normal("protocols", "sim") };
    let unlisted_in_tests = Dependency { kind: Kind::Test, ..normal("markets", "tokio") };
    let at_build = Dependency { kind: Kind::Build, ..normal("markets", "serde") };
    for (bad, sentence) in [
        (normal("markets", "bevy_ecs"), "`markets` may not depend on `bevy_ecs`"),
        (normal("protocols", "bevy_ecs"), "`protocols` may not depend on `bevy_ecs`"),
        (normal("protocols", "sim"), "`protocols` may not depend on `sim`"),
        (normal("sim", "agents"), "`sim` may not depend on `agents`"),
        (normal("sim", "tch"), "`sim` may not depend on `tch`"),
        (normal("scenarios", "egui"), "`scenarios` may not depend on `egui`"),
        (normal("viewer", "tch"), "`viewer` may not depend on `tch`"),
        (normal("agents", "tch"), "`agents` must depend on `tch` only behind a feature"),
        (normal("ballast", "viewer"), "`ballast` must depend on `viewer` only behind a feature"),
        (normal("utils", "serde"), "`utils` is not in the table of crates"),
        (seeded_by_luck, "`sim` takes `rand` with its default features: randomness without a seed"),
        (thread_rng, "`agents` switches on `rand/thread_rng`: randomness without a seed"),
        (upward_in_tests, "the tests of `protocols` reach across to `sim`"),
        (unlisted_in_tests, "the tests of `markets` use `tokio`, which is not listed for tests"),
        (at_build, "`markets` has a build dependency, `serde`: none is foreseen"),
    ] {
        assert_eq!(breaches(WALLS, &[fine[0].clone(), bad]), [sentence]);
    }
}

#[test]
fn without_default_features_there_is_neither_libtorch_nor_a_window() {
    let names = |arguments: &[&str]| -> BTreeSet<String> {
        tree(arguments).into_keys().map(|(name, _)| name).collect()
    };
    let small = names(&["--package", "ballast", "--no-default-features"]);
    assert!(small.contains("sim"), "cargo tree read nothing");
    for heavy in ["tch", "torch-sys", "egui", "eframe", "viewer"] {
        assert!(!small.contains(heavy), "`{heavy}` is in the build without default features");
    }
    let whole = names(&["--package", "ballast"]);
    assert!(
        whole.contains("tch") && whole.contains("eframe"),
        "the default build lacks tch or eframe"
    );
}

#[test]
fn our_random_generator_has_no_unseeded_constructor() {
    // As resolved: another crate in the build could switch a feature on for all.
    let mut seen = 0;
    for ((name, version), features) in tree(&["--workspace"]) {
        if name == "rand" && version.starts_with("v0.10.") {
            seen += 1;
            let bad: Vec<&str> = features.split(',').filter(|f| UNSEEDED.contains(f)).collect();
            assert!(bad.is_empty(), "rand {version} is built with {bad:?}");
        }
    }
    assert_eq!(seen, 1, "the workspace's rand 0.10 was not found");
}

#[test]
fn simulator_crates_share_one_list_of_forbidden_calls() {
    let list = |folder: &str| lines_of(&root().join(folder).join("clippy.toml")).join("\n");
    let first = list("markets");
    for needle in
        ["HashMap", "HashSet", "f64::exp", "f64::powf", "f32::tanh", "Instant::now", "env::var"]
    {
        assert!(first.contains(&format!("{needle}\"")), "clippy.toml no longer forbids {needle}");
    }
    for folder in ["protocols", "sim", "agents"] {
        assert_eq!(list(folder), first, "{folder}/clippy.toml differs from that of markets");
    }
}

#[test]
fn the_learner_knows_no_lending() {
    for file in sources(&root().join("agents/src/learn")) {
        for (i, line) in lines_of(&file).iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in ["markets::", "protocols::", "sim::chain"] {
                let place = format!("{}:{}", file.display(), i + 1);
                assert!(
                    !code.contains(word),
                    "{place}: the learner sees `Environment`, not `{word}`"
                );
            }
        }
    }
}

#[test]
fn no_source_file_reaches_a_thousand_lines() {
    let files: Vec<PathBuf> = WALLS
        .iter()
        .map(|wall| wall.name)
        .chain(["src", "tests"])
        .flat_map(|f| sources(&root().join(f)))
        .collect();
    assert!(files.len() > 10, "only {} source files found", files.len());
    for file in files {
        let lines = lines_of(&file).len();
        assert!(lines < 1000, "{} has {lines} lines: cut it where its ideas part", file.display());
    }
}
