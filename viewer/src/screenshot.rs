//! The view as a PNG, without a display.

use crate::app::App;
use crate::frame::Frame;
use crate::raster::Canvas;
use crate::worker::Source;
use egui::{Context, Pos2, RawInput, Rect, vec2};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// Passes before the picture is taken: layouts and plot bounds settle over a few.
const PASSES: usize = 6;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum ScreenshotError {
    /// The size is zero or too large.
    #[error("a picture of {0} × {1} pixels: each side must be between 200 and 8192")]
    Size(u32, u32),
    /// The file could not be written.
    #[error("{error}: {path}")]
    Write {
        /// What the system says.
        error: std::io::Error,
        /// The file.
        path: String,
    },
    /// The file could not be encoded.
    #[error("{error}: {path}")]
    Encode {
        /// What the encoder says.
        error: png::EncodingError,
        /// The file.
        path: String,
    },
}

/// Renders the view at `[width, height]` points, one pixel each, as RGBA bytes row after row.
///
/// # Errors
/// [`ScreenshotError::Size`].
pub fn render(app: &mut App, size: [u32; 2]) -> Result<Vec<u8>, ScreenshotError> {
    let [width, height] = size;
    if !(200..=8192).contains(&width) || !(200..=8192).contains(&height) {
        return Err(ScreenshotError::Size(width, height));
    }
    let ctx = Context::default();
    ctx.options_mut(|options| options.max_passes = std::num::NonZeroUsize::MIN);
    let rect = Rect::from_min_size(Pos2::ZERO, vec2(width as f32, height as f32));
    let mut canvas = Canvas::new(width as usize, height as usize);
    for pass in 1..=PASSES {
        let input = RawInput {
            screen_rect: Some(rect),
            // A fixed clock: the same frame gives the same picture.
            time: Some(pass as f64),
            ..RawInput::default()
        };
        let mut output = ctx.run_ui(input, |ui| {
            app.update(ui.ctx());
            app.ui(ui);
        });
        canvas.update_textures(&mut output.textures_delta);
        if pass == PASSES {
            let background = ctx.global_style().visuals.panel_fill;
            let primitives = ctx.tessellate(output.shapes, output.pixels_per_point);
            canvas.paint(background, &primitives, output.pixels_per_point);
        }
    }
    Ok(canvas.rgba())
}

/// The frame of a block (by default the last), reached without a thread of its own.
///
/// # Errors
/// What the source says, or that it ends before the block.
pub fn frame_at(source: &mut dyn Source, block: Option<u64>) -> Result<Frame, String> {
    let last = source.frame().last_block;
    let target = block.or(last).ok_or("an endless source has no last block: name one")?;
    source.rewind(target)?;
    while source.block() < target {
        if !source.step()? {
            return Err(format!("block {target} is beyond the end, {}", source.block()));
        }
    }
    let mut frame = source.frame();
    frame.play.at_end = last == Some(target);
    Ok(frame)
}

/// Renders the view at `[width, height]` and writes it to a PNG file.
///
/// # Errors
/// Where the size is out of range or the file cannot be written.
pub fn screenshot(app: &mut App, size: [u32; 2], path: &Path) -> Result<(), ScreenshotError> {
    let pixels = render(app, size)?;
    let shown = || path.display().to_string();
    let file =
        File::create(path).map_err(|error| ScreenshotError::Write { error, path: shown() })?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), size[0], size[1]);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .write_header()
        .and_then(|mut writer| {
            writer.write_image_data(&pixels)?;
            writer.finish()
        })
        .map_err(|error| ScreenshotError::Encode { error, path: shown() })
}
