//! The simulation's own thread. Commands go in by channel, immutable frames come out; the UI never
//! waits for it, and what goes wrong on it is shown in the window.

use crate::frame::{Command, Frame, Origin, Speed};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the worker steps before it looks at its commands.
const SLICE: Duration = Duration::from_millis(8);
/// How often a new frame comes out while blocks follow each other.
const FRAME_EVERY: Duration = Duration::from_millis(33);

/// Something that a window can show: a live world, or a recording.
pub trait Source {
    /// One block. `false` where there is none left.
    ///
    /// # Errors
    /// A sentence for the user.
    fn step(&mut self) -> Result<bool, String>;

    /// Goes to the latest block that is kept at or before `block`, unless the present block lies
    /// between the two; the worker steps the rest of the way.
    ///
    /// # Errors
    /// A sentence for the user.
    fn rewind(&mut self, block: u64) -> Result<(), String>;

    /// Blocks since the episode began.
    fn block(&self) -> u64;

    /// Looks closely at an account from now on, or at none.
    fn inspect(&mut self, account: Option<u32>);

    /// What there is to see now. [`Frame::play`] is the worker's.
    fn frame(&mut self) -> Frame;
}

/// Opens a scenario or a run by name or path; called on the worker's thread, so what it makes need not
/// be `Send`.
pub type Opener = Box<dyn FnMut(&str) -> Result<Box<dyn Source>, String> + Send>;

/// Called by the worker when a frame is ready.
pub type Notify = Box<dyn Fn() + Send>;

/// The UI's end.
#[derive(Debug)]
pub struct Worker {
    commands: Option<Sender<Command>>,
    latest: Arc<Mutex<Arc<Frame>>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread, which opens `target` first.
    ///
    /// # Errors
    /// Where the system has no thread to give.
    pub fn spawn(target: &str, open: Opener, notify: Notify) -> std::io::Result<Self> {
        let (commands, inbox) = channel();
        let loading = Frame {
            scenario: target.to_owned(),
            play: crate::frame::PlayState {
                loading: Some(target.to_owned()),
                ..Default::default()
            },
            ..Frame::default()
        };
        let latest = Arc::new(Mutex::new(Arc::new(loading)));
        let target = target.to_owned();
        let shared = Arc::clone(&latest);
        let thread =
            std::thread::Builder::new().name("simulation".to_owned()).spawn(move || {
                let mut engine = Engine::new(shared, open, notify);
                engine.load(&target);
                engine.run(&inbox);
            })?;
        Ok(Self { commands: Some(commands), latest, thread: Some(thread) })
    }

    /// The newest frame.
    #[must_use]
    pub fn frame(&self) -> Arc<Frame> {
        Arc::clone(&self.latest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for something; `false` where the worker is gone.
    #[must_use]
    pub fn send(&self, command: Command) -> bool {
        self.commands.as_ref().is_some_and(|commands| commands.send(command).is_ok())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been shown in the window already.
            drop(thread.join());
        }
    }
}

/// What runs on the thread.
struct Engine {
    latest: Arc<Mutex<Arc<Frame>>>,
    open: Opener,
    notify: Notify,
    source: Option<Box<dyn Source>>,
    name: String,
    playing: bool,
    speed: Speed,
    target: Option<u64>,
    at_end: bool,
    loading: Option<String>,
    error: Option<String>,
    /// Blocks owed at the present speed.
    credit: f64,
    rate: Rate,
}

impl Engine {
    fn new(latest: Arc<Mutex<Arc<Frame>>>, open: Opener, notify: Notify) -> Self {
        Self {
            latest,
            open,
            notify,
            source: None,
            name: String::new(),
            playing: false,
            speed: Speed::default(),
            target: None,
            at_end: false,
            loading: None,
            error: None,
            credit: 0.0,
            rate: Rate::new(),
        }
    }

    fn load(&mut self, name: &str) {
        self.loading = Some(name.to_owned());
        self.publish();
        self.source = None;
        self.name = name.to_owned();
        self.playing = false;
        self.target = None;
        self.at_end = false;
        self.error = None;
        let open = &mut self.open;
        match guarded(|| open(name)) {
            Ok(source) => self.source = Some(source),
            Err(error) => self.error = Some(error),
        }
        self.loading = None;
        self.publish();
    }

    /// Until the UI hangs up.
    fn run(&mut self, inbox: &Receiver<Command>) {
        let mut last_frame = Instant::now();
        let mut last_slice = Instant::now();
        loop {
            let idle = !self.playing && self.target.is_none();
            if idle {
                match inbox.recv() {
                    Ok(command) => self.obey(command),
                    Err(_hung_up) => return,
                }
                last_slice = Instant::now();
            }
            loop {
                match inbox.try_recv() {
                    Ok(command) => self.obey(command),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            let now = Instant::now();
            self.earn(now - last_slice);
            last_slice = now;
            let waits = self.slice();
            let idle = !self.playing && self.target.is_none();
            if idle || last_frame.elapsed() >= FRAME_EVERY {
                self.publish();
                last_frame = Instant::now();
            }
            if waits && !idle {
                match inbox.recv_timeout(SLICE) {
                    Ok(command) => self.obey(command),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Play => {
                self.playing = self.source.is_some() && !self.at_end;
                self.credit = 0.0;
                self.rate = Rate::new();
            }
            Command::Pause => {
                self.playing = false;
                self.target = None;
            }
            Command::StepBlock => {
                self.playing = false;
                self.target = None;
                self.error = None;
                self.step();
            }
            Command::Seek(block) => self.seek(block),
            Command::SetSpeed(speed) => {
                self.speed = speed;
                self.credit = 0.0;
                self.rate = Rate::new();
            }
            Command::LoadScenario(name) => self.load(&name),
            Command::Inspect(account) => {
                if let Some(source) = &mut self.source {
                    source.inspect(account);
                }
            }
        }
    }

    fn seek(&mut self, block: u64) {
        let Some(source) = &mut self.source else { return };
        self.error = None;
        match guarded(|| source.rewind(block)) {
            Ok(()) => {
                self.at_end = false;
                self.target = (source.block() < block).then_some(block);
            }
            Err(error) => self.fail(error),
        }
    }

    fn earn(&mut self, passed: Duration) {
        if let Speed::BlocksPerSec(per_sec) = self.speed
            && self.playing
        {
            // At most a quarter second of debt: a slow machine plays slowly, it does not jump.
            let most = (f64::from(per_sec) * 0.25).max(1.0);
            self.credit = (self.credit + passed.as_secs_f64() * f64::from(per_sec)).min(most);
        }
    }

    /// Steps for a while; whether there is nothing to do until more time has passed.
    fn slice(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < SLICE {
            if let Some(target) = self.target {
                if !self.step() || self.source.as_ref().is_none_or(|s| s.block() >= target) {
                    self.target = None;
                }
            } else if !self.playing {
                return true;
            } else if self.speed == Speed::Unlimited {
                self.step();
            } else if self.credit >= 1.0 {
                self.credit -= 1.0;
                self.step();
            } else {
                return true;
            }
        }
        false
    }

    fn step(&mut self) -> bool {
        let Some(source) = &mut self.source else { return false };
        match guarded(|| source.step()) {
            Ok(true) => {
                self.rate.count();
                true
            }
            Ok(false) => {
                self.at_end = true;
                self.playing = false;
                false
            }
            Err(error) => {
                self.fail(error);
                false
            }
        }
    }

    fn fail(&mut self, error: String) {
        self.playing = false;
        self.target = None;
        self.error = Some(error);
    }

    fn publish(&mut self) {
        let mut frame = match &mut self.source {
            Some(source) => match guarded(|| Ok(source.frame())) {
                Ok(frame) => frame,
                Err(error) => {
                    self.fail(error);
                    Frame::clone(&self.latest.lock().unwrap_or_else(PoisonError::into_inner))
                }
            },
            None => {
                Frame { scenario: self.name.clone(), origin: Origin::Nothing, ..Frame::default() }
            }
        };
        let at_last = frame.last_block.is_some_and(|last| frame.block >= last);
        frame.play.playing = self.playing;
        frame.play.speed = self.speed;
        frame.play.blocks_per_sec = self.rate.per_sec();
        frame.play.seeking_to = self.target;
        frame.play.at_end = self.at_end || at_last;
        frame.play.loading.clone_from(&self.loading);
        frame.play.error.clone_from(&self.error);
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(frame);
        (self.notify)();
    }
}

/// Blocks per second over the last second or so.
struct Rate {
    since: Instant,
    blocks: u64,
    last: f64,
}

impl Rate {
    fn new() -> Self {
        Self { since: Instant::now(), blocks: 0, last: 0.0 }
    }
    fn count(&mut self) {
        self.blocks += 1;
    }
    fn per_sec(&mut self) -> f64 {
        let secs = self.since.elapsed().as_secs_f64();
        if secs >= 0.5 {
            self.last = self.blocks as f64 / secs;
            self.since = Instant::now();
            self.blocks = 0;
        }
        self.last
    }
}

/// Runs what may panic, and turns a panic into a sentence.
pub(crate) fn guarded<T>(f: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|payload| Err(panic_text(payload.as_ref())))
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    format!("The simulation panicked: {text}")
}
