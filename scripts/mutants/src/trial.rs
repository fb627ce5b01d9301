//! What each test comes by, and every fault before the tests that come by it.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
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
    /// `noticed`, `timeout`, `survived`, `unreached`.
    pub(crate) end: String,
    /// The test that noticed.
    by: Option<String>,
    pub(crate) tests: usize,
    seconds: f64,
    /// Tests come by it that its time did not suffice for.
    pub(crate) left: usize,
}

/// A test, and the faults that it comes by.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Covered {
    package: String,
    binary: PathBuf,
    test: String,
    seconds: f64,
    faults: Vec<u32>,
}

impl Job {
    /// Runs each test once, alone, and notes what it comes by.
    pub(crate) fn cover(&self, binaries: &[(String, PathBuf)]) -> Result<Vec<Covered>> {
        let digest = digest(binaries.iter().map(|(_, binary)| binary))?;
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

    pub(crate) fn try_all(&self, covered: &[Covered]) -> Result<Vec<Tried>> {
        let digest = digest(covered.iter().map(|test| &test.binary))?;
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
}

/// Names the binaries that results are of.
fn digest<'a>(binaries: impl Iterator<Item = &'a PathBuf>) -> Result<u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    for path in binaries.collect::<BTreeSet<_>>() {
        fs::read(path)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}
