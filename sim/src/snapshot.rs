//! A lane's whole state as one value: resume, branching and seek rest on it.
//!
//! A registry names what is saved: resources, and components of participants by [`Actor::id`] (entities
//! are rebuilt by the lane's setup, so their ids need not survive). What can be derived from the rest is
//! not saved but rebuilt.

use crate::actor::Actor;
use bevy_ecs::component::Mutable;
use bevy_ecs::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Saves one kind of thing.
type Save = fn(&World) -> Result<Vec<u8>, postcard::Error>;
/// Restores one kind of thing.
type Load = fn(&mut World, &[u8]) -> Result<(), String>;

#[derive(Clone, Copy, Debug)]
struct Entry {
    name: &'static str,
    save: Save,
    load: Load,
}

/// What a snapshot of a world consists of.
#[derive(Clone, Debug, Default)]
pub struct SnapshotRegistry {
    entries: Vec<Entry>,
}

/// A lane's state, at the boundary between a block's halves or between blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneSnapshot {
    /// The world that is played.
    pub instance: u64,
    /// The run's seed.
    pub run_seed: u64,
    /// The episode.
    pub episode: u64,
    /// Whether the open block waits for its second half.
    pub open: bool,
    /// Name and bytes of each registered kind.
    pub entries: Vec<(String, Vec<u8>)>,
}

impl SnapshotRegistry {
    /// Registers a resource; a world without it saves its absence.
    pub fn resource<R>(&mut self, name: &'static str)
    where
        R: Resource<Mutability = Mutable> + Serialize + DeserializeOwned,
    {
        self.entries.push(Entry {
            name,
            save: |world| postcard::to_stdvec(&world.get_resource::<R>()),
            load: |world, bytes| {
                match decode::<Option<R>>(bytes)? {
                    Some(value) => world.insert_resource(value),
                    None => drop(world.remove_resource::<R>()),
                }
                Ok(())
            },
        });
    }

    /// Registers a component of participants, found again by [`Actor::id`].
    pub fn component<C>(&mut self, name: &'static str)
    where
        C: Component<Mutability = Mutable> + Serialize + DeserializeOwned,
    {
        self.entries.push(Entry {
            name,
            save: |world| {
                // A world that never saw the component has none to save.
                let mut query = world.try_query::<(&Actor, &C)>();
                let mut found: Vec<(u32, &C)> = Vec::new();
                if let Some(query) = &mut query {
                    found.extend(query.iter(world).map(|(a, c)| (a.id, c)));
                }
                found.sort_unstable_by_key(|(id, _)| *id);
                postcard::to_stdvec(&found)
            },
            load: |world, bytes| {
                let saved = decode::<Vec<(u32, C)>>(bytes)?;
                let mut query = world.query::<(&Actor, &mut C)>();
                let mut present: Vec<_> = query.iter_mut(world).map(|(a, c)| (a.id, c)).collect();
                present.sort_unstable_by_key(|(id, _)| *id);
                if !present.iter().map(|(id, _)| id).eq(saved.iter().map(|(id, _)| id)) {
                    return Err("the world has other participants than the snapshot".to_owned());
                }
                for ((_, mut slot), (_, value)) in present.into_iter().zip(saved) {
                    *slot = value;
                }
                Ok(())
            },
        });
    }

    /// Saves everything registered.
    ///
    /// # Panics
    /// Where a registered value cannot be serialised.
    pub fn save(&self, world: &World) -> Vec<(String, Vec<u8>)> {
        let save = |e: &Entry| {
            let bytes = (e.save)(world).expect("registered values are plain data");
            (e.name.to_owned(), bytes)
        };
        self.entries.iter().map(save).collect()
    }

    /// Restores everything registered.
    ///
    /// # Errors
    /// What does not fit: another registry, other participants, bytes of another version.
    pub fn load(&self, world: &mut World, saved: &[(String, Vec<u8>)]) -> Result<(), String> {
        if saved.len() != self.entries.len() {
            return Err(format!("{} parts, expected {}", saved.len(), self.entries.len()));
        }
        for (entry, (name, bytes)) in self.entries.iter().zip(saved) {
            if entry.name != name {
                return Err(format!("part `{name}`, expected `{}`", entry.name));
            }
            (entry.load)(world, bytes).map_err(|e| format!("part `{name}`: {e}"))?;
        }
        Ok(())
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    postcard::from_bytes(bytes).map_err(|e| e.to_string())
}
