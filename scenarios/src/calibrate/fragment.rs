//! A calibration as RON that can be pasted in a scenario.

use super::table::number;
use super::{Calibration, Merton};
use markets::price::HOUR_SECS;
use std::path::Path;

impl Calibration {
    /// Entries of a scenario's `fitted_on`: the dates that the figures have seen.
    #[must_use]
    pub fn fitted_on_entries(&self) -> Vec<String> {
        let name = Path::new(&self.file).file_name().unwrap_or_default().to_string_lossy();
        // A name may hold what RON escapes.
        let hash: String = self.hash.chars().take(16).collect();
        let figures = ron_text(&format!("GARCH, jumps and tails of {name} (BLAKE3 {hash})"));
        let entry = |(start, end): &(String, String)| {
            format!("(figures: {figures}, start_utc: \"{start}\", end_utc: \"{end}\")")
        };
        self.fitted_on.iter().map(entry).collect()
    }

    /// Kinds of path for `paths.train`. GARCH is hourly in a scenario: of other bars there is none.
    #[must_use]
    pub fn path_entries(&self) -> Vec<String> {
        let Self { targeted: fit, merton, sd_percent, bar_secs, .. } = self;
        let mut entries = Vec::new();
        if *bar_secs == u64::from(HOUR_SECS) {
            let nu = fit.nu.map_or(1e3, |nu| nu.value.min(1e3));
            entries.push(format!(
                "Garch(weight: 1.0, omega_percent2: {}, alpha: {}, beta: {}, nu: {})",
                real(fit.omega.value),
                real(fit.alpha.value),
                real(fit.beta.value),
                real(nu)
            ));
        }
        let hours = *bar_secs as f64 / f64::from(HOUR_SECS);
        let weight = if entries.is_empty() { "1.0" } else { "0.0" };
        // Without jumps it is a plain diffusion.
        let figures = merton.map_or([*sd_percent, 0.0, 0.0, 0.0], |merton| {
            let Merton { per_year, mean_percent, sd_percent, rest_sd_percent, .. } = merton;
            [rest_sd_percent, per_year, mean_percent, sd_percent].map(|figure| figure.value)
        });
        let [rest, per_year, mean, sd] = figures;
        entries.push(format!(
            "JumpDiffusion(weight: {weight}, vol_percent_per_sqrt_hour: {}, jumps_per_year: {}, \
             jump_mean_percent: {}, jump_sd_percent: {})",
            real(rest / hours.sqrt()),
            real(per_year),
            real(mean),
            real(sd)
        ));
        entries
    }

    /// The fragment: fields of a scenario, with their origin.
    #[must_use]
    pub fn fragment(&self) -> String {
        let list = |entries: Vec<String>, pad: &str| {
            entries.iter().map(|entry| format!("{pad}{entry},\n")).collect::<String>()
        };
        let tail = |tail: &Option<super::Estimate>| {
            tail.map_or("none".to_owned(), |tail| number(tail.value))
        };
        let hourly = self.bar_secs == u64::from(HOUR_SECS);
        let note = if hourly { "" } else { "    // No Garch: it needs hourly bars.\n" };
        format!(
            "    // Fitted by `ballast calibrate` on {file}\n    // (BLAKE3 {hash}),\n    // {returns} returns over \
             bars of {secs} s. GARCH with the sample's variance and alpha + beta <= 0.99;\n    // Merton's \
             jumps by maximum likelihood. Give a kind weight 0 to leave it out.\n    \
             // Hill tail index of the record: left {left}, right {right}.\n{note}    fitted_on: [\n{fits}    ],\n    \
             paths: (\n        train: [\n{paths}        ],\n    ),\n",
            file = self.file.replace(['\n', '\r'], " "),
            hash = self.hash,
            returns = self.returns,
            secs = self.bar_secs,
            left = tail(&self.left_tail),
            right = tail(&self.right_tail),
            fits = list(self.fitted_on_entries(), "        "),
            paths = list(self.path_entries(), "            "),
        )
    }
}

/// A number that RON reads as one with a point.
fn real(value: f64) -> String {
    let text = number(value);
    if text.contains('.') { text } else { format!("{text}.0") }
}

fn ron_text(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\""))
}
