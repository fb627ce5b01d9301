//! The whole view, rendered without a display.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use viewer::App;

#[test]
fn equal_frames_give_equal_pictures_and_every_part_is_painted() {
    let frame = Arc::new(viewer::demo::frame());
    let size = [1000, 700];
    let shoot = || {
        let mut app = App::fixed(Arc::clone(&frame), egui::Theme::Dark);
        viewer::render(&mut app, size).unwrap()
    };
    let first = shoot();
    assert_eq!(first.len(), 1000 * 700 * 4);
    assert_eq!(first, shoot(), "the same frame gives the same picture");
    // No tenth of the picture is of one colour: nothing is blank.
    for (i, band) in first.chunks(first.len() / 10).enumerate() {
        let colors: std::collections::BTreeSet<&[u8]> = band.chunks(4).collect();
        assert!(colors.len() > 10, "band {i} has {} colours", colors.len());
    }
}

#[test]
fn a_picture_of_no_size_is_refused() {
    let mut app = App::fixed(Arc::new(viewer::demo::frame()), egui::Theme::Light);
    assert!(viewer::render(&mut app, [0, 100]).is_err());
}
