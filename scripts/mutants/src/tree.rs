//! A copy of the tree with every fault in it, checked and built.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{Fault, Job, instrument, lines};

/// Crates with faults in them.
const FAULTY: [&str; 3] = ["markets", "protocols", "sim"];
/// Crates whose tests are shown them.
const TESTERS: [&str; 4] = ["markets", "protocols", "sim", "agents"];

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
    pub(crate) fn copy(&self) -> Result<()> {
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
    pub(crate) fn check(&mut self) -> Result<()> {
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
    pub(crate) fn build(&self) -> Result<Vec<(String, PathBuf)>> {
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
}
