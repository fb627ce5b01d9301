//! What each test comes by, and every fault before the tests that come by it.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::{Job, lines};

/// What became of a fault.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Tried {
    pub(crate) name: String,
    /// A digest of the file that it is in.
    source: u64,
    /// `noticed`, `timeout`, `survived`, `unreached`.
    pub(crate) end: String,
    /// The test that noticed.
    by: Option<String>,
    pub(crate) tests: usize,
    seconds: f64,
    /// Tests come by it that its time did not suffice for.
    pub(crate) left: usize,
}

/// A test is followed for so long, in the processor's seconds.
const FOLLOW_SECS: f64 = 10.0;

/// A test, and the faults that it comes by.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Covered {
    package: String,
    binary: PathBuf,
    test: String,
    seconds: f64,
    faults: Vec<u32>,
}

/// A binary's tests, and the digest that it had.
#[derive(Deserialize, Serialize)]
struct Followed {
    binary: PathBuf,
    digest: u64,
    tests: Vec<Covered>,
}

/// Seconds of the processor that a child has taken: all of its threads, in user and kernel. Nothing where the
/// system does not say.
fn processor_seconds(id: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    // proc(5): in hundredths, whatever the kernel's own ticks are.
    Some((ticks()? + ticks()?) / 100.0)
}

impl Job {
    /// Runs each test once, alone, and notes what it comes by.
    pub(crate) fn cover(&self, binaries: &[(String, PathBuf)]) -> Result<Vec<Covered>> {
        let kept = self.out.join("covered.json");
        let known = fs::read(&kept).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let mut all: Vec<Followed> = known.unwrap_or_default();
        let mut digests = HashMap::new();
        for (_, binary) in binaries {
            digests.insert(binary.as_path(), digest(binary)?);
        }
        all.retain(|f| digests.get(f.binary.as_path()) == Some(&f.digest));
        let mut tests = Vec::new();
        for (package, binary) in binaries {
            if all.iter().any(|f| f.binary == *binary) || self.without.as_ref() == Some(package) {
                continue;
            }
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
            let (passed, seconds) =
                self.test(&covered, FOLLOW_SECS, "MUTANT_COVER", &file.display())?;
            covered.seconds = seconds;
            // Who takes long has come by most of it before.
            if passed != Some(false) {
                covered.faults = lines(&file).filter_map(|l| l.parse().ok()).collect();
            } else {
                println!("{package} {test}: fails without any fault, left out");
            }
            Ok(covered)
        })?;
        for test in covered {
            if all.last().is_none_or(|f| f.binary != test.binary) {
                let digest = digests[test.binary.as_path()];
                all.push(Followed { binary: test.binary.clone(), digest, tests: vec![] });
            }
            all.last_mut().expect("one was just pushed").tests.push(test);
        }
        fs::write(kept, serde_json::to_vec(&all)?)?;
        Ok(all.into_iter().flat_map(|f| f.tests).collect())
    }

    /// Runs one test; whether it passed, nothing if it took more than `limit` of the processor's seconds (or, for
    /// one that waits, thirty times that and a minute), and its seconds.
    fn test(
        &self,
        test: &Covered,
        limit: f64,
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
        let mut taken = 0.0;
        loop {
            let waited = start.elapsed().as_secs_f64();
            let measured = processor_seconds(child.id());
            taken = measured.unwrap_or(waited).max(taken);
            if let Some(status) = child.try_wait()? {
                return Ok((Some(status.success()), taken));
            }
            if taken > limit || waited > 30.0 * limit + 60.0 {
                child.kill()?;
                child.wait()?;
                return Ok((None, taken));
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

    pub(crate) fn try_all(&self, covered: &[Covered]) -> Result<Vec<Tried>> {
        let mut sources = HashMap::new();
        for fault in &self.faults {
            if !sources.contains_key(fault.file.as_str()) {
                sources.insert(fault.file.as_str(), digest(Path::new(&fault.file))?);
            }
        }
        let path = self.out.join("results.jsonl");
        let there: BTreeSet<String> = covered.iter().map(Covered::name).collect();
        let file_of = |t: &Tried| t.name.split(':').next().unwrap_or_default().to_owned();
        let done: HashMap<String, Tried> = lines(&path)
            .filter_map(|l| serde_json::from_str::<Tried>(&l).ok())
            .filter(|t| sources.get(file_of(t).as_str()) == Some(&t.source))
            .filter(|t| t.by.as_ref().map_or(!self.again, |test| there.contains(test)))
            .map(|t| (t.name.clone(), t))
            .collect();
        let file = fs::OpenOptions::new().append(true).create(true).open(&path)?;
        let file = Mutex::new(file);
        let mut tests: HashMap<u32, Vec<&Covered>> = HashMap::new();
        for test in covered {
            for id in &test.faults {
                tests.entry(*id).or_default().push(test);
            }
        }
        let present =
            |id: &u32| !self.absent.contains(id) && self.asked(&self.faults[*id as usize]);
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
                source: sources[fault.file.as_str()],
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
                let limit = 4.0 * test.seconds + 3.0;
                let (passed, seconds) = self.test(test, limit, "MUTANT", id)?;
                tried.tests += 1;
                tried.seconds += seconds;
                if passed != Some(true) {
                    tried.end = if passed.is_none() { "timeout" } else { "noticed" }.into();
                    tried.by = Some(test.name());
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
}

impl Covered {
    fn name(&self) -> String {
        format!("{} {}", self.package, self.test)
    }
}

fn digest(path: &Path) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    fs::read(path)?.hash(&mut hasher);
    Ok(hasher.finish())
}
