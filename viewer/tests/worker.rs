//! The simulation's thread, driven by commands as the UI drives it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};
use viewer::frame::{Origin, Speed};
use viewer::{Command, Frame, Opener, Source, Worker};

/// Counts to 100; panics at block 66 while `fragile`.
struct Counter {
    block: u64,
    fragile: bool,
}
impl Source for Counter {
    fn step(&mut self) -> Result<bool, String> {
        if self.block == 100 {
            return Ok(false);
        }
        self.block += 1;
        assert!(!self.fragile || self.block != 66, "Invariant: sixty-six");
        Ok(true)
    }
    fn rewind(&mut self, block: u64) -> Result<(), String> {
        if block < self.block {
            self.block = block / 10 * 10;
        }
        Ok(())
    }
    fn block(&self) -> u64 {
        self.block
    }
    fn inspect(&mut self, _account: Option<u32>) {}
    fn frame(&mut self) -> Frame {
        Frame { block: self.block, last_block: Some(100), origin: Origin::Live, ..Frame::default() }
    }
}

fn open() -> Opener {
    Box::new(|name| match name {
        "counter" => Ok(Box::new(Counter { block: 0, fragile: false })),
        "fragile" => Ok(Box::new(Counter { block: 0, fragile: true })),
        other => Err(format!("no scenario `{other}`")),
    })
}

fn wait(worker: &Worker, what: impl Fn(&Frame) -> bool) -> Arc<Frame> {
    let start = Instant::now();
    loop {
        let frame = worker.frame();
        if what(&frame) {
            return frame;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain: {frame:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn plays_to_the_end_and_seeks_back_and_forth() {
    let worker = Worker::spawn("counter", open(), Box::new(|| {})).unwrap();
    wait(&worker, |f| f.origin == Origin::Live);
    assert!(worker.send(Command::StepBlock));
    assert_eq!(wait(&worker, |f| f.block > 0).block, 1);
    assert!(worker.send(Command::SetSpeed(Speed::Unlimited)));
    assert!(worker.send(Command::Play));
    let end = wait(&worker, |f| f.play.at_end);
    assert_eq!((end.block, end.play.playing), (100, false));
    assert!(worker.send(Command::Seek(37)));
    wait(&worker, |f| f.block == 37 && f.play.seeking_to.is_none() && !f.play.at_end);
    assert!(worker.send(Command::Seek(80)));
    wait(&worker, |f| f.block == 80);
}

#[test]
fn a_panic_of_the_simulation_is_shown_and_survived() {
    let worker = Worker::spawn("fragile", open(), Box::new(|| {})).unwrap();
    assert!(worker.send(Command::Seek(90)));
    let frame = wait(&worker, |f| f.play.error.is_some());
    assert!(frame.play.error.as_ref().unwrap().contains("Invariant: sixty-six"));
    assert!(worker.send(Command::LoadScenario("counter".to_owned())));
    wait(&worker, |f| f.play.error.is_none() && f.origin == Origin::Live);
    assert!(worker.send(Command::LoadScenario("nothing".to_owned())));
    let frame = wait(&worker, |f| f.play.error.is_some());
    assert_eq!(frame.play.error.as_deref(), Some("no scenario `nothing`"));
}

#[test]
fn keys_step_and_play() {
    let worker = Worker::spawn("counter", open(), Box::new(|| {})).unwrap();
    wait(&worker, |f| f.origin == Origin::Live);
    let app = viewer::App::new(worker, Vec::new(), viewer::Theme::Dark);
    let mut harness = egui_kittest::Harness::builder().build_ui_state(
        |ui, app: &mut viewer::App| {
            app.update(ui.ctx());
            app.ui(ui);
        },
        app,
    );
    for (key, block) in [(egui::Key::ArrowRight, 1), (egui::Key::Space, 100)] {
        harness.key_press(key);
        let start = Instant::now();
        while harness.state().frame().block < block {
            harness.step();
            assert!(start.elapsed() < Duration::from_secs(20), "waited in vain for {block}");
        }
    }
}
