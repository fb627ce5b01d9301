//! `ballast view`: a run or a scenario in a window, or as a picture.

use super::Play;
use crate::output::{Failure, Output, Verdict};
#[cfg(feature = "viewer")]
use scenarios::{manifest::Manifest, reproduction::Reproduction};
#[cfg(feature = "viewer")]
use std::path::Path;
use std::path::PathBuf;

/// Options of `view`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A scenario file, simulated live, or a finished run, played back.
    #[arg(default_value = "scenarios/library/siege.ron")]
    target: String,
    #[command(flatten)]
    play: Play,
    /// Play this recorded window instead of a drawn path (scenarios only).
    #[arg(long)]
    window: Option<String>,
    /// Render the view to this PNG file instead of opening a window.
    #[arg(long)]
    screenshot: Option<PathBuf>,
    /// Block to open at, counted in the episode; default: the last for a picture, the block of a
    /// reproduction bundle, else the first.
    #[arg(long)]
    block: Option<u64>,
    /// Width and height of the picture, in pixels.
    #[arg(long, num_args = 2, default_values_t = [1280, 800])]
    size: Vec<u32>,
    /// Dark colours.
    #[arg(long)]
    dark: bool,
}

/// Opens the window or writes the picture.
#[cfg(feature = "viewer")]
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    use serde_json::json;
    use viewer::Selection;

    let selection = Selection {
        seed: args.play.seed.unwrap_or(1),
        window: args.window.clone(),
        overrides: args.play.set.clone(),
        ..Selection::default()
    };
    let theme = if args.dark { viewer::Theme::Dark } else { viewer::Theme::Light };
    let fault = broken_at(Path::new(&args.target));
    match &args.screenshot {
        None => {
            let catalogue = vec![args.target.clone()];
            let opener = viewer::opener(selection);
            viewer::window::run(&args.target, opener, catalogue, theme, args.block.or(fault))
                .map_err(Failure::from_error)?;
        }
        Some(path) => {
            if path.exists() {
                return Err(Failure::Message(format!(
                    "{} exists already; choose another --screenshot, or remove it",
                    path.display()
                )));
            }
            let mut source = viewer::open(&args.target, &selection).map_err(Failure::Message)?;
            let frame = viewer::frame_at(source.as_mut(), args.block).map_err(Failure::Message)?;
            let block = frame.block;
            let mut app = viewer::App::fixed(std::sync::Arc::new(frame), theme);
            let size = [args.size[0], args.size[1]];
            viewer::screenshot(&mut app, size, path).map_err(Failure::from_error)?;
            output.result(&json!({"screenshot": path, "block": block}), || {
                format!("{}: block {block}", path.display())
            });
        }
    }
    Ok(Verdict::Yes)
}

/// The block of the episode at which an invariant broke, where `target` is a reproduction bundle.
#[cfg(feature = "viewer")]
fn broken_at(target: &Path) -> Option<u64> {
    let manifest = Manifest::read(target).ok()?;
    let fault = Reproduction::read(target, &manifest).ok()?;
    Some(fault.episode_block)
}

/// Says how to get a viewer.
#[cfg(not(feature = "viewer"))]
pub(crate) fn run(args: &Args, _output: Output) -> Result<Verdict, Failure> {
    Err(Failure::Message(format!(
        "{}: this build has no viewer; build with `cargo build --release --features viewer`",
        args.target
    )))
}
