//! The written baselines through `ballast eval`.

use crate::support::{ballast, json, library};
use serde_json::Value;

const SET: [&str; 5] = [
    "episode_hours=1",
    "windows=[]",
    "fitted_on=[]",
    "paths=(train: [Gbm(weight: 1.0, vol_percent_per_sqrt_hour: 4.0)])",
    "evaluate=(seed: 5, fresh_paths: 2, bootstrap_resamples: 100, search: (candidates: 2, refinements: 0, paths: 1))",
];

/// Asked for by name, each has its row and each search its line, on any number of threads.
#[test]
fn every_baseline_can_be_asked_for_by_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = library("siege");
    let report = |threads: &str| {
        let mut args = vec!["eval", siege.to_str().expect("UTF-8"), "--threads", threads];
        args.extend(["--search-blocks", "1"]);
        for name in ["deployed", "static-freeze-rule", "gauntlet-caps", "cma-es", "greedy"] {
            args.extend(["--policy", name]);
        }
        SET.iter().for_each(|set| args.extend(["--set", set]));
        json(dir.path(), &args)
    };
    let one = report("1");
    assert_eq!(one, report("2"));
    let words = |list: &Value, of: &dyn Fn(&Value) -> Option<String>| -> Vec<String> {
        list.as_array().expect("a list").iter().filter_map(of).collect()
    };
    let rows = words(&one["report"]["rows"], &|r| Some(r["policy"].as_str()?.to_owned()));
    let expected = [
        "deployed",
        "best static with freeze rule",
        "Gauntlet-style caps",
        "static by CMA-ES",
        "greedy",
    ];
    assert_eq!(rows, expected);
    let facts = words(&one["report"]["facts"], &|f| Some(f[0].as_str()?.to_owned()));
    assert_eq!(facts, ["fresh", "best static", "by CMA-ES", "static parameters"]);
    assert!(one["statics"]["cma_es"]["blocks"].as_u64().is_some_and(|blocks| blocks > 0));
    let wrong = ballast(dir.path(), &["eval", siege.to_str().expect("UTF-8"), "--policy", "cma"]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(wrong.status.code() == Some(2) && said.contains("gauntlet-caps"), "{said}");
}
