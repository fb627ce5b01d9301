//! The panels, driven by label from a fixed frame, without a display.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use egui_kittest::{Harness, kittest::Queryable};
use viewer::frame::{Origin, PlayState, Speed};
use viewer::panels::{Controls, Events, Health, Panel, Prices, Risk, TotalsPanel, Utilisation};
use viewer::{Command, Frame};

struct State<P> {
    panel: P,
    frame: Frame,
    commands: Vec<Command>,
}

fn harness<P: Panel>(panel: P, frame: Frame) -> Harness<'static, State<P>> {
    let state = State { panel, frame, commands: Vec::new() };
    Harness::builder().with_size([1000.0, 500.0]).build_ui_state(
        |ui, state: &mut State<P>| state.panel.ui(&state.frame, ui, &mut state.commands),
        state,
    )
}

fn paused() -> Frame {
    let mut frame = viewer::demo::frame();
    frame.origin = Origin::Live;
    frame.block = 100;
    frame.play = PlayState::default();
    frame
}

#[test]
fn play_step_and_restart_ask_for_what_they_say() {
    let mut harness = harness(Controls::default(), paused());
    for (label, command) in
        [("Play", Command::Play), ("Step", Command::StepBlock), ("Restart", Command::Seek(0))]
    {
        harness.get_by_label(label).click();
        harness.run();
        assert_eq!(std::mem::take(&mut harness.state_mut().commands), [command]);
    }
}

#[test]
fn the_play_button_pauses_while_playing_and_is_off_at_the_end() {
    let mut frame = paused();
    frame.play.playing = true;
    let mut playing = harness(Controls::default(), frame);
    playing.get_by_label("Pause").click();
    playing.run();
    assert_eq!(playing.state().commands, [Command::Pause]);

    let mut frame = paused();
    frame.play.at_end = true;
    let mut ended = harness(Controls::default(), frame);
    ended.get_by_label("Play").click();
    ended.run();
    assert_eq!(ended.state().commands, []);
}

#[test]
fn speed_and_scenario_are_chosen_from_lists() {
    let catalogue = vec!["calm".to_owned(), "crash".to_owned()];
    let mut harness = harness(Controls::new(catalogue), paused());
    harness.get_by_value("60 blocks/s").click();
    harness.run();
    harness.get_by_label("as fast as possible").click();
    harness.run();
    harness.get_by_value("demo").click();
    harness.run();
    harness.get_by_label("crash").click();
    harness.run();
    assert_eq!(
        harness.state().commands,
        [Command::SetSpeed(Speed::Unlimited), Command::LoadScenario("crash".to_owned())]
    );
}

#[test]
fn an_error_of_the_worker_is_shown() {
    let mut frame = paused();
    frame.play.error = Some("The simulation panicked: Invariant: LEND-03".to_owned());
    let harness = harness(Controls::default(), frame);
    harness.get_by_label_contains("Invariant: LEND-03");
}

#[test]
fn events_are_filtered_by_kind_and_lead_to_their_block_and_account() {
    let mut frame = paused();
    frame.inspected = None;
    frame.events = frame.events.iter().skip(frame.events.len() - 6).cloned().collect();
    let wanted = frame.events.get(2).unwrap().clone();
    let mut harness = harness(Events::default(), frame);
    let time = viewer::format::clock(wanted.block * 12);
    harness.get_all_by_label(&time).next().unwrap().click();
    harness.run();
    assert_eq!(std::mem::take(&mut harness.state_mut().commands), [Command::Seek(wanted.block)]);

    harness.get_by_label(&wanted.text).click();
    harness.run();
    assert_eq!(
        std::mem::take(&mut harness.state_mut().commands),
        [Command::Inspect(wanted.account)]
    );

    harness.get_by_label_contains("Liquidation ").click();
    harness.run();
    assert!(harness.query_by_label(&wanted.text).is_none());
}

#[test]
fn every_panel_draws_an_empty_and_a_full_frame() {
    for frame in [Frame::default(), viewer::demo::frame()] {
        harness(Controls::default(), frame.clone()).run();
        harness(Prices::default(), frame.clone()).run();
        harness(Utilisation::default(), frame.clone()).run();
        harness(Risk::default(), frame.clone()).run();
        harness(Health::default(), frame.clone()).run();
        harness(Events::default(), frame.clone()).run();
        harness(TotalsPanel, frame).run();
    }
}

#[test]
fn the_health_panel_says_how_much_can_be_liquidated() {
    let harness = harness(Health::default(), viewer::demo::frame());
    assert!(harness.get_all_by_label_contains("below 1:").count() > 0);
}

#[test]
fn prices_of_another_asset_are_one_click_away() {
    let mut harness = harness(Prices::default(), viewer::demo::frame());
    assert!(harness.query_by_label("pool").is_some());
    harness.get_by_label("WBTC").click();
    harness.run();
    assert!(harness.query_by_label("pool").is_none(), "no pool trades WBTC in this frame");
}

#[test]
fn a_click_on_the_slider_seeks() {
    let mut harness = harness(Controls::default(), paused());
    let rect = harness.get_by_label("Seek").rect();
    harness.hover_at(rect.center());
    harness.run();
    for pressed in [true, false] {
        harness.event(egui::Event::PointerButton {
            pos: rect.center(),
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: egui::Modifiers::NONE,
        });
        harness.run();
    }
    let commands = &harness.state().commands;
    assert!(matches!(commands[..], [Command::Seek(3500..3700)]), "{commands:?}");
}
