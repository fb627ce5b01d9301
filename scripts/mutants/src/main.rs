//! Tries every fault that cargo-mutants knows, in minutes: a copy of the tree with all of them in it, each
//! behind a switch, is built once; what each test comes by is recorded; and each fault then meets only the
//! tests that come by it, the fastest first, its own crate's before those of `sim` and `agents`.
//!
//!     mutants [--seconds N] [--jobs N] [--again] [AREA[:FILE]…]
//!
//! AREA is markets, protocols or chain (`sim::chain`); all three where none is named. `--seconds` bounds what
//! each fault is given of tests (60; the fastest test is always run); a test has four times its usual time
//! and three seconds. Everything lies below target/mutants: `results.jsonl` goes on where it stopped as
//! long as the sources are the same, `--again` with what survived too. A survivor that docs/mutants-argued.txt does not name is an error.
//!
//! Run it in the folder of the tree. Called by cargo as RUSTC_WORKSPACE_WRAPPER, it is a compiler's wrapper.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod instrument;

/// A fault as `cargo mutants --list --json` has it.
#[derive(Clone, Debug, Deserialize)]
struct Fault {
    name: String,
    file: String,
    genre: String,
    replacement: String,
    span: FaultSpan,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct FaultSpan {
    start: Place,
    end: Place,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

/// What became of a fault.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Tried {
    name: String,
    /// `noticed`, `timeout`, `survived`, `unreached`.
    end: String,
    /// The test that noticed.
    by: Option<String>,
    tests: usize,
    seconds: f64,
    /// Tests come by it that its time did not suffice for.
    left: usize,
}

/// A test, and the faults that it comes by.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Covered {
    package: String,
    binary: PathBuf,
    test: String,
    seconds: f64,
    faults: Vec<u32>,
}

const AREAS: [&str; 3] = ["markets", "protocols", "chain"];
/// Crates with faults in them.
const FAULTY: [&str; 3] = ["markets", "protocols", "sim"];
/// Crates whose tests are shown them.
const TESTERS: [&str; 4] = ["markets", "protocols", "sim", "agents"];
const ARGUED: &str = "docs/mutants-argued.txt";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if std::env::var_os("MUTANTS_WRAPPER").is_some() {
        return wrap(&args);
    }
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mutants: {error:#}");
            ExitCode::from(70)
        }
    }
}

/// A compiler that lets faults pass: their arithmetic may overflow where it is constant.
fn wrap(args: &[String]) -> ExitCode {
    let mut command = Command::new(&args[0]);
    command.args(&args[1..]).args(["-Aarithmetic_overflow", "-Aunconditional_panic"]);
    command.args(["-Aunconditional_recursion", "-Awarnings"]);
    if args.windows(2).any(|w| w == ["--crate-name", "switch"]) {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    let status = command.status().expect("the compiler runs");
    ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))
}

struct Job {
    out: PathBuf,
    tree: PathBuf,
    seconds: f64,
    jobs: usize,
    /// Whether survivors of an earlier run are tried again.
    again: bool,
    faults: Vec<Fault>,
    /// Faults that do not compile, or have no place in such a copy, by name.
    excluded: BTreeSet<String>,
    /// Of this run: ids that are not in the copy.
    absent: BTreeSet<u32>,
}

fn run(args: &[String]) -> Result<ExitCode> {
    let mut areas = Vec::new();
    let (mut seconds, mut jobs, mut again) = (60.0, 2, false);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut number = || rest.next().with_context(|| format!("{arg} needs a number"));
        match arg.as_str() {
            "--seconds" => seconds = number()?.parse().context("--seconds")?,
            "--again" => again = true,
            "--jobs" => jobs = number()?.parse().context("--jobs")?,
            area if AREAS.contains(&area.split(':').next().unwrap_or_default()) => {
                areas.push(area.to_owned());
            }
            other => bail!("no area {other} (markets, protocols, chain; one file: markets:FILE)"),
        }
    }
    ensure!(jobs > 0, "--jobs must be at least 1");
    if areas.is_empty() {
        areas = AREAS.map(str::to_owned).to_vec();
    }
    fs::create_dir_all("target/mutants")?;
    let out = fs::canonicalize("target/mutants")?;
    let mut job = Job {
        tree: out.join("tree"),
        faults: list(&areas)?,
        excluded: lines(&out.join("excluded.txt")).collect(),
        absent: BTreeSet::new(),
        out,
        seconds,
        jobs,
        again,
    };
    println!("{} faults", job.faults.len());
    job.copy()?;
    job.check()?;
    let binaries = job.build()?;
    let covered = job.cover(&binaries)?;
    let tried = job.try_all(&covered)?;
    job.report(&tried)
}

fn lines(path: &Path) -> impl Iterator<Item = String> + use<> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn list(areas: &[String]) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for area in areas {
        let (area, file) = area.split_once(':').unwrap_or((area, "**"));
        let (package, folder) = match area {
            "chain" => ("sim", "sim/src/chain"),
            other => (other, if other == "markets" { "markets/src" } else { "protocols/src" }),
        };
        let output = Command::new("cargo")
            .args(["mutants", "--list", "--json", "--package", package])
            .args(["--file", &format!("{folder}/{file}")])
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "cargo mutants --list failed");
        let some: Vec<Fault> = serde_json::from_slice(&output.stdout)?;
        // cargo-mutants lists deleted fields whatever it is asked for.
        let within =
            |f: &Fault| f.file.starts_with(folder) && (file == "**" || f.file.ends_with(file));
        faults.extend(some.into_iter().filter(within));
    }
    Ok(faults)
}

/// Leaves a file alone that is as it should be, so that nothing is built twice.
fn write_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

impl Job {
    /// The tree as it is here, but for the sources with faults, and with the switch as a crate.
    fn copy(&self) -> Result<()> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()?;
        ensure!(listed.status.success(), "git ls-files failed");
        let faulty: BTreeSet<&str> = self.faults.iter().map(|f| f.file.as_str()).collect();
        let listed = String::from_utf8(listed.stdout)?;
        let known: BTreeSet<&str> = listed.split_terminator('\0').collect();
        // What is gone here goes there too.
        let before = self.out.join("files.txt");
        for gone in lines(&before).filter(|f| !known.contains(f.as_str()) || !Path::new(f).exists())
        {
            let _ = fs::remove_file(self.tree.join(gone));
        }
        fs::write(before, known.iter().fold(String::new(), |all, file| all + file + "\n"))?;
        for file in known {
            let Ok(mut bytes) = fs::read(file) else { continue };
            if faulty.contains(file) {
                continue;
            }
            let depends = FAULTY.iter().any(|p| file == format!("{p}/Cargo.toml"));
            if file == "Cargo.toml" || depends {
                let text = String::from_utf8(bytes)?;
                let edited = if depends {
                    let switch = "[dependencies]\nswitch = { path = \"../switch\" }\n";
                    text.replacen("[dependencies]\n", switch, 1)
                } else {
                    text.replacen("members = [", "members = [\"switch\", ", 1)
                        + "\n[profile.dev.package.switch]\nopt-level = 3\n"
                };
                ensure!(edited != text, "{file}: no place for the switch");
                bytes = edited.into_bytes();
            }
            write_changed(&self.tree.join(file), &bytes)?;
        }
        let switch = self.tree.join("switch");
        let manifest = "[package]\nname = \"switch\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        write_changed(&switch.join("Cargo.toml"), manifest.as_bytes())?;
        write_changed(&switch.join("src/lib.rs"), include_bytes!("switch.rs"))
    }

    /// Puts the faults into the sources of the copy.
    fn instrument(&mut self) -> Result<()> {
        let mut files: BTreeMap<&str, Vec<(u32, Fault)>> = BTreeMap::new();
        self.absent.clear();
        for (id, fault) in self.faults.iter().enumerate() {
            let here = files.entry(&fault.file).or_default();
            if self.excluded.contains(&fault.name) {
                self.absent.insert(id as u32);
            } else {
                here.push((id as u32, fault.clone()));
            }
        }
        for (file, faults) in files {
            let text = fs::read_to_string(file).with_context(|| file.to_owned())?;
            let (text, absent) = instrument::instrument(&text, &faults).context(file.to_owned())?;
            self.absent.extend(absent);
            write_changed(&self.tree.join(file), text.as_bytes())?;
        }
        Ok(())
    }

    fn cargo(&self, args: &[&str]) -> Result<Command> {
        let mut command = Command::new("cargo");
        command.args(args).args(["--message-format=json"]).current_dir(&self.tree);
        for package in FAULTY {
            // Faults cost more to compile than they are worth optimising.
            command.args(["--config", &format!("profile.dev.package.{package}.opt-level=1")]);
        }
        command.env("CARGO_TARGET_DIR", self.out.join("switched"));
        command.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_INCREMENTAL", "1");
        command.env("RUSTC_WORKSPACE_WRAPPER", std::env::current_exe()?);
        command.env("MUTANTS_WRAPPER", "1").stderr(Stdio::null());
        Ok(command)
    }

    /// Leaves out, round after round, the faults that do not compile.
    fn check(&mut self) -> Result<()> {
        for _ in 0..20 {
            self.instrument()?;
            let output = self
                .cargo(&["check", "-p", "markets", "-p", "protocols", "-p", "sim", "--lib"])?
                .output()?;
            if output.status.success() {
                return Ok(());
            }
            let mut bad = BTreeSet::new();
            let mut unclear = Vec::new();
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
                if message["message"]["level"] == "error" {
                    let found = self.blame(&message["message"]);
                    if found.is_none() {
                        unclear
                            .push(message["message"]["rendered"].as_str().unwrap_or("").to_owned());
                    }
                    bad.extend(found);
                }
            }
            ensure!(!bad.is_empty(), "the copy does not compile:\n{}", unclear.join("\n"));
            println!("{} faults do not compile", bad.len());
            self.excluded.extend(bad.iter().map(|id| self.faults[*id as usize].name.clone()));
            let text: Vec<&str> = self.excluded.iter().map(String::as_str).collect();
            fs::write(self.out.join("excluded.txt"), text.join("\n") + "\n")?;
        }
        bail!("the copy still does not compile after twenty rounds")
    }

    /// The fault that an error of the compiler is about: the innermost around one of its places, or else the
    /// last return before it, whose type the function's own value does not have.
    fn blame(&self, message: &Value) -> Option<u32> {
        let children = message["children"].as_array().into_iter().flatten();
        let all = std::iter::once(message).chain(children);
        let mut spans: Vec<&Value> = all.filter_map(|m| m["spans"].as_array()).flatten().collect();
        spans.sort_by_key(|s| s["is_primary"] != true);
        let mut before = None;
        for span in spans {
            let text = fs::read(self.tree.join(span["file_name"].as_str()?)).ok()?;
            let from = span["byte_start"].as_u64()? as usize;
            let mut around = None;
            for (i, _) in text.windows(3).enumerate().take(from + 12).filter(|(_, w)| w == b"/*<") {
                let digits = text[i + 3..].iter().take_while(|b| b.is_ascii_digit()).count();
                let number = &text[i + 3..i + 3 + digits];
                let id: u32 = std::str::from_utf8(number).ok()?.parse().ok()?;
                let close = format!("/*{id}>*/");
                let end = text[i..].windows(close.len()).position(|w| w == close.as_bytes())? + i;
                if end >= from {
                    around = Some(id);
                } else if text[i + 5 + digits..].starts_with(b"{ return ") {
                    before = Some(id);
                }
            }
            if around.is_some() {
                return around;
            }
        }
        before
    }

    /// Test binaries by package.
    fn build(&self) -> Result<Vec<(String, PathBuf)>> {
        let packages = TESTERS.iter().flat_map(|p| ["-p", p]);
        let output =
            self.cargo(&["test", "--no-run", "--lib", "--tests"])?.args(packages).output()?;
        ensure!(output.status.success(), "the copy's tests do not build");
        let mut binaries = Vec::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Ok(message) = serde_json::from_str::<Value>(line) else { continue };
            let id = message["package_id"].as_str().unwrap_or_default();
            let package = TESTERS.iter().find(|p| id.contains(&format!("/{p}#")));
            if let (Some(package), Some(binary)) = (package, message["executable"].as_str()) {
                binaries.push(((*package).to_owned(), PathBuf::from(binary)));
            }
        }
        ensure!(binaries.len() >= 2 * FAULTY.len(), "{} test binaries are too few", binaries.len());
        Ok(binaries)
    }

    /// Runs each test once, alone, and notes what it comes by.
    fn cover(&self, binaries: &[(String, PathBuf)]) -> Result<Vec<Covered>> {
        let digest = digest(binaries)?;
        let kept = self.out.join("covered.json");
        if let Ok(text) = fs::read(&kept)
            && let Ok((known, covered)) = serde_json::from_slice::<(u64, Vec<Covered>)>(&text)
            && known == digest
        {
            return Ok(covered);
        }
        let mut tests = Vec::new();
        for (package, binary) in binaries {
            let names = |extra: &[&str]| -> Result<BTreeSet<String>> {
                let output = Command::new(binary)
                    .args(["--list", "--format", "terse"])
                    .args(extra)
                    .current_dir(self.tree.join(package))
                    .output()?;
                let text = String::from_utf8(output.stdout)?;
                Ok(text
                    .lines()
                    .filter_map(|l| l.strip_suffix(": test"))
                    .map(str::to_owned)
                    .collect())
            };
            let ignored = names(&["--ignored"])?;
            let run = names(&[])?;
            let run = run.into_iter().filter(|t| !ignored.contains(t));
            tests.extend(run.map(|test| (package.clone(), binary.clone(), test)));
        }
        println!("{} tests to follow", tests.len());
        let covered = self.parallel(&tests, |worker, (package, binary, test)| {
            let file = self.out.join(format!("cover-{worker}"));
            let _ = fs::remove_file(&file);
            let mut covered = Covered {
                package: package.clone(),
                binary: binary.clone(),
                test: test.clone(),
                seconds: 0.0,
                faults: vec![],
            };
            let limit = Duration::from_secs(300);
            let (passed, seconds) = self.test(&covered, limit, "MUTANT_COVER", &file.display())?;
            covered.seconds = seconds;
            if passed == Some(true) {
                covered.faults = lines(&file).filter_map(|l| l.parse().ok()).collect();
            } else {
                println!("{package} {test}: fails without any fault, left out");
            }
            Ok(covered)
        })?;
        fs::write(kept, serde_json::to_vec(&(digest, &covered))?)?;
        Ok(covered)
    }

    /// Runs one test; whether it passed, nothing if it ran out of time, and its seconds.
    fn test(
        &self,
        test: &Covered,
        limit: Duration,
        key: &str,
        value: &dyn std::fmt::Display,
    ) -> Result<(Option<bool>, f64)> {
        let start = Instant::now();
        let mut child = Command::new(&test.binary)
            .args(["--exact", &test.test, "--test-threads=1", "-q"])
            .current_dir(self.tree.join(&test.package))
            .env(key, value.to_string())
            .env("CARGO_MANIFEST_DIR", self.tree.join(&test.package))
            .env("PROPTEST_MAX_SHRINK_ITERS", "0")
            .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok((Some(status.success()), start.elapsed().as_secs_f64()));
            }
            if start.elapsed() > limit {
                child.kill()?;
                child.wait()?;
                return Ok((None, start.elapsed().as_secs_f64()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Does `work` on all of `items` with as many workers as asked for; results in order.
    fn parallel<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(usize, &T) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let next = Mutex::new(0);
        let results = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for worker in 0..self.jobs {
                let (next, results, work) = (&next, &results, &work);
                scope.spawn(move || {
                    loop {
                        let i = {
                            let mut next = next.lock().expect("no worker panics");
                            *next += 1;
                            *next - 1
                        };
                        let Some(item) = items.get(i) else { return };
                        let result = work(worker, item);
                        results.lock().expect("no worker panics").push((i, result));
                    }
                });
            }
        });
        let mut results = results.into_inner().expect("no worker panics");
        results.sort_by_key(|(i, _)| *i);
        results.into_iter().map(|(_, r)| r).collect()
    }

    fn try_all(&self, covered: &[Covered]) -> Result<Vec<Tried>> {
        let digest =
            digest(&covered.iter().map(|c| (String::new(), c.binary.clone())).collect::<Vec<_>>())?;
        let path = self.out.join("results.jsonl");
        let mut kept = lines(&path);
        let head = serde_json::to_string(&digest)?;
        let mut done: HashMap<String, Tried> = HashMap::new();
        if kept.next().as_deref() == Some(&head) {
            done = kept
                .filter_map(|l| serde_json::from_str::<Tried>(&l).ok())
                .filter(|t| !self.again || t.end == "noticed" || t.end == "timeout")
                .map(|t| (t.name.clone(), t))
                .collect();
        } else {
            fs::write(&path, head + "\n")?;
        }
        let file = Mutex::new(fs::OpenOptions::new().append(true).open(&path)?);
        let mut tests: HashMap<u32, Vec<&Covered>> = HashMap::new();
        for test in covered {
            for id in &test.faults {
                tests.entry(*id).or_default().push(test);
            }
        }
        let present = |id: &u32| !self.absent.contains(id);
        let ids: Vec<u32> = (0..self.faults.len() as u32).filter(present).collect();
        // Tests that noticed a fault are tried first on the next.
        let successes: Mutex<HashMap<&str, u32>> = Mutex::new(HashMap::new());
        let count = Mutex::new(0);
        self.parallel(&ids, |_, id| {
            let fault = &self.faults[*id as usize];
            {
                let mut count = count.lock().expect("no worker panics");
                *count += 1;
                if *count % 250 == 0 {
                    println!("{count} of {}", ids.len());
                }
            }
            if let Some(known) = done.get(&fault.name) {
                return Ok(known.clone());
            }
            let own = fault.file.split('/').next().unwrap_or_default();
            let mut tests = tests.get(id).cloned().unwrap_or_default();
            {
                let successes = successes.lock().expect("no worker panics");
                let cost = |t: &Covered| {
                    let known = f64::from(successes.get(t.test.as_str()).copied().unwrap_or(0));
                    (t.seconds + 0.02) / (1.0 + known)
                };
                tests.sort_by(|a, b| {
                    (a.package != own).cmp(&(b.package != own)).then(cost(a).total_cmp(&cost(b)))
                });
            }
            let mut tried = Tried {
                name: fault.name.clone(),
                end: if tests.is_empty() { "unreached" } else { "survived" }.into(),
                by: None,
                tests: 0,
                seconds: 0.0,
                left: 0,
            };
            for (i, test) in tests.iter().enumerate() {
                if i > 0 && tried.seconds + test.seconds > self.seconds {
                    tried.left += 1;
                    continue;
                }
                let limit = Duration::from_secs_f64(4.0 * test.seconds + 3.0);
                let (passed, seconds) = self.test(test, limit, "MUTANT", id)?;
                tried.tests += 1;
                tried.seconds += seconds;
                if passed != Some(true) {
                    tried.end = if passed.is_none() { "timeout" } else { "noticed" }.into();
                    tried.by = Some(format!("{} {}", test.package, test.test));
                    *successes.lock().expect("no worker panics").entry(&test.test).or_default() +=
                        1;
                    break;
                }
            }
            let mut file = file.lock().expect("no worker panics");
            writeln!(file, "{}", serde_json::to_string(&tried)?)?;
            Ok(tried)
        })
    }

    fn report(&self, tried: &[Tried]) -> Result<ExitCode> {
        let argued: BTreeSet<String> = lines(Path::new(ARGUED))
            .filter(|l| l.starts_with(|c: char| c.is_ascii_alphabetic()))
            .collect();
        let mut unargued = 0;
        let mut survivors = String::new();
        println!(
            "\n| | faults | not compiled or not switchable | noticed | out of time | survived | of them argued |"
        );
        println!("|---|---|---|---|---|---|---|");
        for (area, folder) in
            [("markets", "markets/"), ("protocols", "protocols/"), ("sim::chain", "sim/")]
        {
            let all: Vec<usize> = (0..self.faults.len())
                .filter(|i| self.faults[*i].file.starts_with(folder))
                .collect();
            if all.is_empty() {
                continue;
            }
            let absent = all.iter().filter(|i| self.absent.contains(&(**i as u32))).count();
            let here = || tried.iter().filter(|t| t.name.starts_with(folder));
            let ends = |end: &str| here().filter(|t| t.end == end).count();
            let mut known = 0;
            for t in here().filter(|t| t.end == "survived" || t.end == "unreached") {
                if argued.contains(&placeless(&t.name)) {
                    known += 1;
                } else {
                    unargued += 1;
                }
                let cut =
                    if t.left > 0 { format!(" ({} tests left)", t.left) } else { String::new() };
                survivors += &format!(
                    "{}{}{cut}\n",
                    t.name,
                    if t.end == "unreached" { " (unreached)" } else { "" }
                );
            }
            println!(
                "| `{area}` | {} | {absent} | {} | {} | {} | {known} |",
                all.len(),
                ends("noticed"),
                ends("timeout"),
                ends("survived") + ends("unreached"),
            );
        }
        fs::write(self.out.join("survivors.txt"), &survivors)?;
        println!("\ntarget/mutants/survivors.txt names those that lived");
        if unargued > 0 {
            eprintln!("mutants: {unargued} survivors that {ARGUED} does not name");
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A fault's name without line and column, which move.
fn placeless(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(fault)) => format!("{file}:{fault}"),
        _ => name.to_owned(),
    }
}

/// Names the binaries that results are of.
fn digest(binaries: &[(String, PathBuf)]) -> Result<u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    for path in binaries.iter().map(|(_, path)| path).collect::<BTreeSet<_>>() {
        fs::read(path)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}
