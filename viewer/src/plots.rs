//! Plots over time: one x axis for all panels, thinned lines, axes with units.

use crate::format;
use crate::frame::{Axis, EventKind, Frame};
use crate::series::Series;
use crate::theme::Palette;
use egui::{Color32, Id, RichText, Sense, Stroke, Ui, pos2, vec2};
use egui_plot::{GridInput, GridMark, HoverPosition, Line, LineStyle, Plot, PlotPoints};
use std::ops::Range;

/// Room for the numbers of the y axis, equal in all panels so that their x axes line up.
const Y_AXIS_WIDTH: f32 = 66.0;
/// Room to the right of a plot for the last label of the time axis.
const RIGHT_MARGIN: f32 = 24.0;
/// Steps of the time axis, in seconds.
const TIME_STEPS: [u64; 18] = [
    12, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 345_600,
    604_800, 1_209_600, 2_419_200,
];

/// One line.
pub(crate) struct TimeLine<'a> {
    /// Name on hover.
    pub(crate) name: String,
    /// Colour.
    pub(crate) color: Color32,
    /// Values by block.
    pub(crate) series: &'a Series,
    /// Shown is `value * scale + offset`.
    pub(crate) scale: f64,
    /// See `scale`.
    pub(crate) offset: f64,
    /// Dashed: a reference, not an observation.
    pub(crate) dashed: bool,
}

impl<'a> TimeLine<'a> {
    /// A line that shows its values as they are.
    pub(crate) fn new(name: impl Into<String>, color: Color32, series: &'a Series) -> Self {
        Self { name: name.into(), color, series, scale: 1.0, offset: 0.0, dashed: false }
    }
    /// With each value multiplied.
    pub(crate) fn scaled(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }
}

/// A plot of lines over time.
pub(crate) struct TimePlot<'a> {
    /// Distinguishes it from others.
    pub(crate) id: &'static str,
    /// Unit of the y axis.
    pub(crate) y_label: &'static str,
    /// Formats a y value; the step between marks says how precisely.
    pub(crate) y_text: fn(f64, f64) -> String,
    /// What the y axis must show.
    pub(crate) include_y: &'a [f64],
    /// Lines.
    pub(crate) lines: Vec<TimeLine<'a>>,
    /// Events to mark.
    pub(crate) marks: &'a [EventKind],
}

impl<'a> TimePlot<'a> {
    /// Draws it into what room is left.
    pub(crate) fn show(self, ui: &mut Ui, frame: &'a Frame) {
        let palette = Palette::of(ui);
        let secs = u64::from(frame.block_secs.max(1));
        let axis = frame.axis;
        let x_label = match axis {
            Axis::Blocks => "time since start (h:min)",
            Axis::Steps => "steps of the attack",
        };
        let y_text = self.y_text;
        let link = Id::unique("time axis");
        let available = ui.available_size();
        let mut plot = Plot::new(self.id)
            .width(available.x - RIGHT_MARGIN)
            .height(available.y.max(60.0))
            .set_margin_fraction(vec2(0.0, 0.08))
            .link_axis(link, [true, false])
            .link_cursor(link, [true, false])
            .allow_scroll([true, false])
            .allow_zoom([true, false])
            .allow_drag([true, false])
            .show_background(false)
            .grid_color(palette.outline)
            .grid_spacing(22.0..=120.0)
            .x_grid_spacer(move |input| match axis {
                Axis::Blocks => time_marks(&input, secs),
                Axis::Steps => step_marks(&input),
            })
            .y_grid_spacer(|input| value_marks(&input))
            .x_axis_formatter(move |mark, _| match axis {
                Axis::Blocks => format::elapsed((mark.value.max(0.0) as u64) * secs),
                Axis::Steps => format::integer(mark.value.max(0.0) as u64),
            })
            .y_axis_formatter(move |mark, _| y_text(mark.value, mark.step_size))
            .x_axis_label(RichText::new(x_label).small().color(palette.weak))
            .y_axis_label(RichText::new(self.y_label).small().color(palette.weak))
            .y_axis_min_width(Y_AXIS_WIDTH)
            .label_formatter(move |hover| {
                let at = |x: f64| {
                    let block = x.max(0.0).round() as u64;
                    if axis == Axis::Steps {
                        return format!("step {}", format::integer(block));
                    }
                    format!("{} · block {}", format::elapsed(block * secs), format::integer(block))
                };
                Some(match hover {
                    HoverPosition::NearDataPoint { plot_name, position, .. } => {
                        let step = position.y.abs().max(1e-9) * 1e-4;
                        format!("{plot_name}: {}\n{}", y_text(position.y, step), at(position.x))
                    }
                    HoverPosition::Elsewhere { position } => at(position.x),
                })
            });
        for y in self.include_y {
            plot = plot.include_y(*y);
        }
        if frame.block == 0 {
            plot = plot.include_x(0.0).include_x(10.0);
        }
        let lines = self.lines;
        let response = plot.show(ui, move |plot_ui| {
            let follow = plot_ui.auto_bounds().x;
            let bounds = plot_ui.plot_bounds();
            let columns = plot_ui.response().rect.width().max(1.0) as usize;
            for line in lines {
                let blocks = if follow {
                    0..line.series.len()
                } else {
                    visible(bounds.min()[0], bounds.max()[0])
                };
                let mut points = line.series.decimate(blocks, columns);
                for point in &mut points {
                    point[1] = point[1] * line.scale + line.offset;
                }
                let style = if line.dashed { LineStyle::dashed_dense() } else { LineStyle::Solid };
                plot_ui.line(
                    Line::new(line.name, PlotPoints::from(points))
                        .color(line.color)
                        .width(if line.dashed { 1.2 } else { 1.6 })
                        .style(style),
                );
            }
        });
        let bounds = response.transform.bounds();
        let shown = visible(bounds.min()[0], bounds.max()[0]);
        mark_events(ui, frame, self.marks, &shown, &response.transform);
    }
}

/// The blocks between two bounds of the x axis, and one on either side.
fn visible(min: f64, max: f64) -> Range<usize> {
    let from = (min.floor() - 1.0).max(0.0);
    from as usize..(max.ceil() + 2.0).max(from) as usize
}

/// Ticks along the foot of a plot where events happened, at most one a pixel column and kind.
fn mark_events(
    ui: &Ui,
    frame: &Frame,
    kinds: &[EventKind],
    blocks: &Range<usize>,
    transform: &egui_plot::PlotTransform,
) {
    if kinds.is_empty() {
        return;
    }
    let palette = Palette::of(ui);
    let rect = *transform.frame();
    let painter = ui.painter().with_clip_rect(rect);
    let mut last = [f32::NEG_INFINITY; EventKind::ALL.len()];
    for event in frame.events.iter() {
        if !kinds.contains(&event.kind) || !blocks.contains(&(event.block as usize)) {
            continue;
        }
        let x = transform.position_from_point_x(event.block as f64).round() + 0.5;
        let previous = &mut last[event.kind as usize];
        if x - *previous < 1.0 {
            continue;
        }
        *previous = x;
        let color = palette.event(event.kind);
        let (height, alpha) = match event.kind {
            EventKind::Liquidation => (7.0, 0.9),
            EventKind::RevertedAttack | EventKind::Call => (5.0, 0.9),
            EventKind::RiskChange => (rect.height(), 0.25),
            EventKind::Attack | EventKind::BadDebt => (rect.height(), 0.4),
        };
        painter.line_segment(
            [pos2(x, rect.bottom()), pos2(x, rect.bottom() - height)],
            Stroke::new(1.0, color.gamma_multiply(alpha)),
        );
    }
}

/// Marks of the time axis at round times.
fn time_marks(input: &GridInput, block_secs: u64) -> Vec<GridMark> {
    let (min, max) = input.bounds;
    let secs = block_secs as f64;
    if max <= min || !(max - min).is_finite() {
        return Vec::new();
    }
    // A label such as `1 d 06:00` needs some 70 points: three of the least grid spacing.
    let least = input.base_step_size * secs * 3.2;
    let fallback = TIME_STEPS[TIME_STEPS.len() - 1];
    let step = TIME_STEPS
        .into_iter()
        .find(|s| *s as f64 >= least)
        .unwrap_or_else(|| (least / fallback as f64).ceil() as u64 * fallback);
    let step_blocks = step as f64 / secs;
    let first = (min / step_blocks).ceil() as i64;
    let last = (max / step_blocks).floor() as i64;
    (first..=last.min(first + 200))
        .map(|i| GridMark { value: i as f64 * step_blocks, step_size: step_blocks })
        .collect()
}

/// Marks of the axis of steps at 1, 2 or 5 times a power of ten, whole.
fn step_marks(input: &GridInput) -> Vec<GridMark> {
    // A mark closer to the next than some 60 points has no label.
    let least = (input.base_step_size * 3.0).max(1.0);
    let marks = value_marks(&GridInput { base_step_size: least, ..*input });
    marks.into_iter().filter(|mark| mark.value >= 0.0).collect()
}

/// Marks of the y axis at 1, 2 or 5 times a power of ten.
fn value_marks(input: &GridInput) -> Vec<GridMark> {
    let (min, max) = input.bounds;
    let least = input.base_step_size;
    if max <= min || !(max - min).is_finite() || least <= 0.0 || least.is_nan() {
        return Vec::new();
    }
    let power = 10f64.powi(least.log10().floor() as i32);
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|step| *step >= least)
        .unwrap_or(10.0 * power);
    let first = (min / step).ceil() as i64;
    let last = (max / step).floor() as i64;
    (first..=last.min(first.saturating_add(200)))
        .map(|i| GridMark { value: i as f64 * step, step_size: step })
        .collect()
}

/// Formats a y value in USD.
pub(crate) fn usd_text(value: f64, step: f64) -> String {
    if value.abs() < 1e5 && (step < 1.0 || value.abs() >= 1e3) {
        let decimals = (-step.max(1e-9).log10()).ceil().clamp(0.0, 6.0) as usize;
        let sign = if value < 0.0 { "−" } else { "" };
        let whole = format::integer(value.abs().trunc() as u64);
        let text = format!("{:.decimals$}", value.abs());
        match text.split_once('.') {
            Some((_, fraction)) => format!("{sign}${whole}.{fraction}"),
            None => format!("{sign}${}", format::integer(value.abs().round() as u64)),
        }
    } else {
        format::usd_mark(value)
    }
}

/// Formats a y value that is a percentage already.
pub(crate) fn percent_text(value: f64, step: f64) -> String {
    let decimals = (-step.max(1e-9).log10()).ceil().clamp(0.0, 3.0) as usize;
    format!("{value:.decimals$} %").replace('-', "−")
}

/// A coloured bar, a name and a value: one entry of a panel's legend.
pub(crate) fn legend_ui(ui: &mut Ui, color: Color32, name: &str, value: &str, dashed: bool) {
    let palette = Palette::of(ui);
    ui.spacing_mut().item_spacing.x = 4.0;
    let (rect, _) = ui.allocate_exact_size(vec2(14.0, 12.0), Sense::hover());
    let y = rect.center().y;
    let stroke = Stroke::new(2.5, color);
    if dashed {
        for x in [0.0, 5.0, 10.0] {
            let from = pos2(rect.left() + x, y);
            ui.painter().line_segment([from, from + vec2(3.0, 0.0)], stroke);
        }
    } else {
        ui.painter().line_segment([pos2(rect.left(), y), pos2(rect.right(), y)], stroke);
    }
    ui.label(RichText::new(name).size(12.0).color(palette.weak));
    ui.label(RichText::new(value).size(12.0).strong());
    ui.add_space(8.0);
}

/// A row of choices of which one holds.
pub(crate) fn choice_ui<T: PartialEq + Copy>(
    ui: &mut Ui,
    current: &mut T,
    choices: impl IntoIterator<Item = (T, String)>,
) {
    ui.spacing_mut().item_spacing.x = 2.0;
    for (value, label) in choices {
        let text = RichText::new(label).size(12.0);
        if ui.selectable_label(*current == value, text).clicked() {
            *current = value;
        }
    }
}

/// A panel's title line: name on the left, the rest on the right.
pub(crate) fn title_ui(ui: &mut Ui, name: &str, rest: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(name).size(14.0).strong());
        ui.add_space(6.0);
        rest(ui);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_marks_are_round_and_few() {
        for width in [10.0, 300.0, 7200.0, 1e6] {
            let input = GridInput { bounds: (0.0, width), base_step_size: width / 20.0 };
            let marks = time_marks(&input, 12);
            assert!((1..=21).contains(&marks.len()), "{width}: {}", marks.len());
        }
    }

    #[test]
    fn marks_of_steps_are_whole() {
        for (steps, apart) in [(3.0, 1.0), (13.0, 2.0), (400.0, 100.0)] {
            let input = GridInput { bounds: (-1.0, steps), base_step_size: steps / 20.0 };
            let marks = step_marks(&input);
            assert_eq!((marks[0].value, marks[0].step_size), (0.0, apart), "{steps}");
        }
    }

    #[test]
    fn y_marks_show_the_digits_that_their_step_needs() {
        assert_eq!(usd_text(1834.25, 0.05), "$1,834.25");
        assert_eq!(usd_text(1834.0, 10.0), "$1,834");
        assert_eq!(percent_text(-0.5, 0.25), "−0.5 %");
        assert_eq!(percent_text(80.0, 10.0), "80 %");
    }
}
