#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
use agents::attack::{Assailant, Goal, Pursuit};
use agents::policy::Hold;
use scenarios::arena::{MakePolicy, PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::exploit::{Prey, play};
use scenarios::load::load;
use scenarios::templates::find;
use std::path::Path;
use std::time::Instant;

#[test]
fn probe() {
    for (simulations, seed) in [(50_000, 1), (50_000, 2), (20_000, 1), (100_000, 1)] {
        let set = ["episode_hours=2".to_owned(), format!("agents.templates=(simulations: {simulations}, seed: {seed}, most: 6)")];
        let loaded = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("library/siege.ron"), &set).unwrap();
        let t = Instant::now();
        let found = find(&loaded).unwrap();
        println!("{simulations} {seed}: {:?}", t.elapsed());
        for (i, f) in found.iter().enumerate() {
            println!("{}", f.account.sentence(i));
        }
        let worlds = Worlds::new(&loaded).unwrap().with_templates(found.iter().map(|f| f.template.clone()));
        let policy: MakePolicy<'_> = Box::new(|| Box::new(Hold));
        let prey = Prey { worlds: &worlds, name: "deployed".to_owned(), policies: vec![(1.0, policy)] };
        let pursuit = Pursuit { goal: Goal::Profit, idle_blocks: 20, sees_through: true };
        for instance in 0..3 {
            let world = WorldAddress { seed: 11, instance, path: PathChoice::Drawn };
            let mut side = prey.side(world, pursuit).unwrap();
            let n = found.len();
            let mut turn = 0;
            side.play(&mut |row, mask, action| {
                let own = &row[row.len() - 2 * n..];
                let usd = |x: f32| 10f64.powf(f64::from(x) * 6.0) - 1.0;
                let bound = row[row.len() - 2 * n - 13 + 5];
                if turn % 2 == 0 && turn < 12 {
                    let seen: Vec<String> = own.chunks(2).zip(&mask[10..]).map(|(c, m)| format!("{m}:{:.0}@{}", usd(c[0]), c[1])).collect();
                    println!("  i{instance} t{turn} strike bound {:.0} {}", usd(bound), seen.join(" "));
                }
                turn += 1;
                action.fill(0.0);
            }, &mut |_| ());
        }
        for a in [Assailant::EveryTurn, Assailant::BestTemplate, Assailant::Nobody] {
            let t = Instant::now();
            let mut usd = Vec::new();
            for instance in 0..4 {
                let world = WorldAddress { seed: 11, instance, path: PathChoice::Drawn };
                usd.push(play(&a, &prey, world, pursuit).unwrap().attacker_profit_usd.round());
            }
            println!("{} {usd:?} {:?}", a.name(), t.elapsed());
        }
    }
}
