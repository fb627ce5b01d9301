//! Captures what built this: commit, dirty flag, toolchain, target, profile.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    // Without writing the index that this build is made again for.
    let status = git(&["--no-optional-locks", "status", "--porcelain"]);
    let dirty = status.is_none_or(|status| !status.is_empty());
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let toolchain = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned());
    let var = |name: &str| env::var(name).unwrap_or_else(|_| "unknown".to_owned());
    for (name, value) in [
        ("BALLAST_COMMIT", commit),
        ("BALLAST_DIRTY", dirty.to_string()),
        ("BALLAST_TOOLCHAIN", toolchain),
        ("BALLAST_TARGET", var("TARGET")),
        ("BALLAST_PROFILE", var("PROFILE")),
    ] {
        println!("cargo::rustc-env={name}={value}");
    }
    // Sources of every crate below: a change of any of them may change the dirty flag.
    for path in [
        "../.git/HEAD",
        "../.git/index",
        "../markets/src",
        "../protocols/src",
        "../sim/src",
        "../agents/src",
        "src",
    ] {
        // A path that does not exist would make every build a rebuild.
        if Path::new(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}
