//! What the objective must say, seen through the command line.

use crate::support::{json, library};

/// The estimate of a policy's column in a group.
fn figure(report: &serde_json::Value, policy: &str, column: &str) -> f64 {
    let rows = report["rows"].as_array().expect("rows");
    let row = rows.iter().find(|r| r["policy"] == policy).expect("the policy is there");
    let cells = row["cells"].as_array().expect("cells");
    let cell = cells.iter().find(|c| c["column"] == column).expect("the column is there");
    cell["estimate"]["mean"].as_f64().expect("a number")
}

#[test]
fn freezing_everything_loses_to_the_deployed_parameters_in_calm() {
    let dir = tempfile::tempdir().expect("a folder");
    let calm = library("calm");
    let report = json(
        dir.path(),
        &[
            "eval",
            calm.to_str().expect("UTF-8"),
            "--policy",
            "deployed",
            "--policy",
            "freeze-all",
            "--set",
            "evaluate.fresh_paths=4",
            "--set",
            "episode_hours=6",
        ],
    );
    let report = &report["report"];
    let deployed = figure(report, "deployed", "objective_usd");
    let frozen = figure(report, "freeze all", "objective_usd");
    assert!(deployed > frozen, "deployed {deployed}, frozen {frozen}");
    assert!(figure(report, "deployed", "borrow_usage_usd_years") > 0.0);
}
