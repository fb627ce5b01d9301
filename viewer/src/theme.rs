//! Colours, type and spacing, dark and light.

use crate::frame::EventKind;
use egui::{
    Color32, Context, CornerRadius, FontFamily, FontId, Margin, Stroke, Style, TextStyle, Theme,
    Ui, Visuals, vec2,
};

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

/// The colours of one theme. Lines differ in lightness as well as hue, so that they can be told apart
/// without colour vision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palette {
    /// Behind everything.
    pub background: Color32,
    /// Behind a panel.
    pub card: Color32,
    /// Behind a plot.
    pub well: Color32,
    /// Around a panel.
    pub outline: Color32,
    /// Text.
    pub text: Color32,
    /// Text that matters less.
    pub weak: Color32,
    /// What is selected.
    pub accent: Color32,
    /// Fair prices.
    pub fair: Color32,
    /// Pool prices.
    pub pool: Color32,
    /// Oracle prices.
    pub oracle: Color32,
    /// Sound.
    pub good: Color32,
    /// Near the line.
    pub warn: Color32,
    /// Beyond it.
    pub bad: Color32,
    /// Lines by index.
    pub lines: [Color32; 8],
}

/// Light on dark.
pub const DARK: Palette = Palette {
    background: rgb(0x0e1218),
    card: rgb(0x161c25),
    well: rgb(0x11161e),
    outline: rgb(0x263040),
    text: rgb(0xdde4ee),
    weak: rgb(0x8b99ad),
    accent: rgb(0x5cb8ff),
    fair: rgb(0xc3cbd6),
    pool: rgb(0xf5a524),
    oracle: rgb(0x4fb3ff),
    good: rgb(0x3fc38a),
    warn: rgb(0xf0b429),
    bad: rgb(0xff5f6d),
    lines: [
        rgb(0x7aa2ff),
        rgb(0xf5a524),
        rgb(0x3fc38a),
        rgb(0xe777c1),
        rgb(0x4dd3e0),
        rgb(0xd8dc5a),
        rgb(0xb593f5),
        rgb(0xff8a70),
    ],
};

/// Dark on light.
pub const LIGHT: Palette = Palette {
    background: rgb(0xeef1f5),
    card: rgb(0xffffff),
    well: rgb(0xfafbfc),
    outline: rgb(0xd5dce6),
    text: rgb(0x1b2430),
    weak: rgb(0x5b6879),
    accent: rgb(0x0b66c3),
    fair: rgb(0x5b6879),
    pool: rgb(0xc26d00),
    oracle: rgb(0x0b66c3),
    good: rgb(0x12805c),
    warn: rgb(0xb27300),
    bad: rgb(0xc92a3e),
    lines: [
        rgb(0x2d58d0),
        rgb(0xc26d00),
        rgb(0x12805c),
        rgb(0xb03a88),
        rgb(0x0c7f8c),
        rgb(0x7a7d00),
        rgb(0x7147c4),
        rgb(0xc44a2d),
    ],
};

impl Palette {
    /// That of the theme in use.
    #[must_use]
    pub fn of(ui: &Ui) -> &'static Self {
        if ui.visuals().dark_mode { &DARK } else { &LIGHT }
    }

    /// The colour of the `i`-th line.
    #[must_use]
    pub fn line(&self, i: usize) -> Color32 {
        self.lines[i % self.lines.len()]
    }

    /// The colour of a kind of event.
    #[must_use]
    pub fn event(&self, kind: EventKind) -> Color32 {
        match kind {
            EventKind::Liquidation => self.warn,
            EventKind::BadDebt | EventKind::Attack => self.bad,
            EventKind::RevertedAttack => self.weak,
            EventKind::RiskChange | EventKind::Call => self.accent,
        }
    }
}

/// Installs both themes.
pub fn install(ctx: &Context, theme: Theme) {
    ctx.set_style_of(Theme::Dark, style(&DARK, Visuals::dark()));
    ctx.set_style_of(Theme::Light, style(&LIGHT, Visuals::light()));
    ctx.set_theme(theme);
}

fn style(palette: &Palette, mut visuals: Visuals) -> Style {
    let mut style = Style::default();
    for (text_style, size, family) in [
        (TextStyle::Small, 10.5, FontFamily::Proportional),
        (TextStyle::Body, 13.0, FontFamily::Proportional),
        (TextStyle::Button, 13.0, FontFamily::Proportional),
        (TextStyle::Heading, 18.0, FontFamily::Proportional),
        (TextStyle::Monospace, 12.0, FontFamily::Monospace),
    ] {
        style.text_styles.insert(text_style, FontId::new(size, family));
    }
    style.spacing.item_spacing = vec2(6.0, 4.0);
    style.spacing.button_padding = vec2(8.0, 3.0);
    style.spacing.interact_size.y = 22.0;

    visuals.panel_fill = palette.background;
    visuals.window_fill = palette.card;
    visuals.window_stroke = Stroke::new(1.0, palette.outline);
    visuals.extreme_bg_color = palette.well;
    visuals.faint_bg_color = palette.well;
    visuals.override_text_color = Some(palette.text);
    visuals.weak_text_color = Some(palette.weak);
    visuals.hyperlink_color = palette.accent;
    visuals.warn_fg_color = palette.warn;
    visuals.error_fg_color = palette.bad;
    visuals.selection.bg_fill = palette.accent.gamma_multiply(0.28);
    visuals.selection.stroke = Stroke::new(1.0, palette.accent);
    visuals.slider_trailing_fill = true;
    let radius = CornerRadius::same(5);
    let widgets = &mut visuals.widgets;
    for (state, fill, outline) in [
        (&mut widgets.noninteractive, palette.card, palette.outline),
        (&mut widgets.inactive, palette.outline.gamma_multiply(0.75), Color32::TRANSPARENT),
        (&mut widgets.hovered, palette.outline, palette.weak),
        (&mut widgets.active, palette.outline, palette.accent),
        (&mut widgets.open, palette.outline, palette.accent),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(1.0, outline);
        state.fg_stroke = Stroke::new(1.0, palette.text);
        state.corner_radius = radius;
    }
    style.visuals = visuals;
    style
}

/// A panel's frame.
pub fn card(ui: &Ui) -> egui::Frame {
    let palette = Palette::of(ui);
    egui::Frame::new()
        .fill(palette.card)
        .stroke(Stroke::new(1.0, palette.outline))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::symmetric(10, 8))
}
