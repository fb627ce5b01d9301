//! Recorded windows: read, and held apart from tests and fits.

use super::{Checker, symbols};
use crate::dates::{DAY_SECS, Utc};
use crate::schema::{PriceSource, Role, Scenario};
use crate::windows::{Window, WindowError};
use markets::price::HOUR_SECS;
use std::path::Path;

impl Checker<'_> {
    /// Reads the windows and holds training and test apart.
    pub(super) fn windows(&mut self, s: &Scenario, base: &Path) -> Vec<Window> {
        self.unique("windows", "name", s.windows.iter().map(|w| w.name.as_str()));
        let mut read: Vec<(usize, Window)> = Vec::new();
        for (i, spec) in s.windows.iter().enumerate() {
            match Window::read(&spec.name, spec.role, &base.join(&spec.csv)) {
                Ok(mut window) => {
                    let bar = window.bar_secs;
                    let hourly = s.block_secs > 0 && HOUR_SECS.is_multiple_of(s.block_secs);
                    if hourly && !(bar.is_multiple_of(s.block_secs) && bar / s.block_secs >= 4) {
                        self.refuse(
                            &format!("windows.{i}.csv"),
                            format!(
                                "blocks of {} s must divide the bars of {bar} s, at least four to \
                                 a bar",
                                s.block_secs
                            ),
                            "change block_secs, or bring bars of another length",
                        );
                    }
                    self.others(s, i, &mut window, base);
                    read.push((i, window));
                }
                Err(error) => {
                    let help = match &error {
                        WindowError::File(_) => {
                            "price files are named relative to the scenario file"
                        }
                        WindowError::Flawed { .. } => {
                            "a window is played bar after bar: fill the gaps in the file, or cut the window around them"
                        }
                        WindowError::OtherBars { .. } => "give it the window's bars",
                    };
                    self.refuse(&format!("windows.{i}.csv"), error.to_string(), help);
                }
            }
        }
        for (i, test) in read.iter().filter(|(_, w)| w.role == Role::Test) {
            for (_, train) in read.iter().filter(|(_, w)| w.role == Role::Train) {
                if test.clashes(train, s.embargo_days) {
                    self.refuse(
                        &format!("windows.{i}"),
                        format!(
                            "test window \"{}\" ({} to {}) and training window \"{}\" ({} to {}) \
                             overlap or lie within the embargo of {} days",
                            test.name,
                            test.start,
                            test.end,
                            train.name,
                            train.start,
                            train.end,
                            s.embargo_days
                        ),
                        "drop one of the two, or change its role",
                    );
                }
            }
        }
        let read: Vec<Window> = read.into_iter().map(|(_, window)| window).collect();
        self.fits(s, &read);
        read
    }

    /// Reads what other assets did in a window.
    fn others(&mut self, s: &Scenario, window: usize, read: &mut Window, base: &Path) {
        let others = &s.windows[window].others;
        let list = format!("windows.{window}.others");
        self.unique(&list, "asset", others.iter().map(|other| other.asset.as_str()));
        for (i, other) in others.iter().enumerate() {
            let at = format!("{list}.{i}");
            match s.assets.iter().find(|asset| asset.symbol == other.asset) {
                None => self.known(&format!("{at}.asset"), "asset", &other.asset, &symbols(s)),
                Some(asset) if asset.price == PriceSource::Paths => self.refuse(
                    &format!("{at}.asset"),
                    format!("`{}` follows the window itself", other.asset),
                    "its file is the window's `csv`",
                ),
                Some(_) => {
                    if let Err(error) = read.read_other(&other.asset, &base.join(&other.csv)) {
                        self.refuse(
                            &format!("{at}.csv"),
                            error.to_string(),
                            "bring a file with every bar of the window; it may have more",
                        );
                    }
                }
            }
        }
    }

    /// Holds the dates of fitted figures and test windows apart.
    fn fits(&mut self, s: &Scenario, windows: &[Window]) {
        let embargo = u64::from(s.embargo_days) * DAY_SECS;
        for (i, fit) in s.fitted_on.iter().enumerate() {
            let at = format!("fitted_on.{i}");
            let dates = Utc::parse(&fit.start_utc).zip(Utc::parse(&fit.end_utc));
            let Some((start, end)) = dates.filter(|(start, end)| start < end) else {
                self.refuse(
                    &at,
                    format!("`{}` to `{}` is no range of UTC dates", fit.start_utc, fit.end_utc),
                    "write both as 2020-03-12T00:00:00Z, the start before the end",
                );
                continue;
            };
            for test in windows.iter().filter(|w| w.role == Role::Test) {
                if start.0 < test.end.0 + embargo && test.start.0 < end.0 + embargo {
                    self.refuse(
                        &at,
                        format!(
                            "{} were fitted on {start} to {end}, which overlaps test window \"{}\" \
                             ({} to {}) or its embargo of {} days",
                            fit.figures, test.name, test.start, test.end, s.embargo_days
                        ),
                        "refit without these dates (docs/calibration.md), or test on other ones",
                    );
                }
            }
        }
    }
}
