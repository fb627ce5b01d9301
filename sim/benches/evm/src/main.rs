//! How many Uniswap v2 swaps a second the EVM makes on this machine, for ratios of one machine.
//!
//! The contracts are the unmodified ones of the npm package `@uniswap/v2-core`, on revm with its
//! in-memory database. One transaction is a token transfer to the pair and `pair.swap`; each is
//! committed, and each is in a block of its own. The clock is the processor time of the thread.

use std::{fmt::Display, fs, path::Path, process::ExitCode};

use cpu_time::ThreadTime;
use revm::{
    ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext, MainnetEvm,
    bytecode::{Bytecode, opcode::*},
    context::{Context, TxEnv, result::ExecutionResult},
    database::InMemoryDB,
    handler::MainnetContext,
    primitives::{Address, Bytes, TxKind, U256, address, hardfork::SpecId, hex},
    state::AccountInfo,
};

const RUNS: usize = 5;
const MIN_SECS: f64 = 1.0;
/// Transactions between two looks at the clock; even, for the two directions take turns.
const BATCH: u32 = 2_000;
const BLOCK_SECS: u64 = 12;
const GAS_LIMIT: u64 = 10_000_000;

/// Signs everything, and holds the liquidity.
const OWNER: Address = address!("0x1000000000000000000000000000000000000001");
/// Where [`FORWARDER`] is, which holds the tokens it trades with.
const TRADER: Address = address!("0x2000000000000000000000000000000000000002");

const TRANSFER: [u8; 4] = hex!("a9059cbb"); // transfer(address,uint256)
const CREATE_PAIR: [u8; 4] = hex!("c9c65396"); // createPair(address,address)
const MINT: [u8; 4] = hex!("6a627842"); // mint(address)
const SWAP: [u8; 4] = hex!("022c0d9f"); // swap(uint256,uint256,address,bytes)

/// Makes the calls its calldata lists, as `to (32 bytes) | length (32 bytes) | data` one after
/// another, and reverts if one fails. The stack after each line is on its right, top last.
#[rustfmt::skip]
const FORWARDER: &[u8] = &[
    PUSH0,                                             // at
    // 1: while at < calldatasize
    JUMPDEST, CALLDATASIZE, DUP2, LT, PUSH1, 9, JUMPI, // at
    STOP,
    // 9: memory[0..length] = data
    JUMPDEST, DUP1, PUSH1, 32, ADD, CALLDATALOAD,      // at length
    DUP1, DUP3, PUSH1, 64, ADD, PUSH0, CALLDATACOPY,   // at length
    // call(gas, to, no value, memory[0..length], nothing returned)
    PUSH0, PUSH0, DUP3, PUSH0, PUSH0,                  // at length 0 0 length 0 0
    DUP7, CALLDATALOAD, GAS, CALL,                     // at length ok
    PUSH1, 37, JUMPI,                                  // at length
    PUSH0, PUSH0, REVERT,
    // 37: at += 64 + length
    JUMPDEST, ADD, PUSH1, 64, ADD,                     // at
    PUSH1, 1, JUMP,
];

fn main() -> ExitCode {
    match measure() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("evm-rate: {why}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<String, String> {
    let mut chain = Chain::new();
    let txs = chain.market()?;
    // The first swaps write slots that were empty, which costs more.
    for tx in &txs {
        chain.send(tx)?;
    }
    let result = chain.send(&txs[0])?;
    let logs = result.logs().len();
    if logs != 4 {
        return Err(format!(
            "Transfer, then Transfer, Sync and Swap were expected, not {logs} logs"
        ));
    }
    let gas = result.tx_gas_used();
    chain.send(&txs[1])?;

    let mut secs_per_tx = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = ThreadTime::now();
        let mut sent = 0;
        let secs = loop {
            for _ in 0..BATCH / 2 {
                chain.send(&txs[0])?;
                chain.send(&txs[1])?;
            }
            sent += BATCH;
            let secs = start.elapsed().as_secs_f64();
            if secs >= MIN_SECS {
                break secs;
            }
        };
        secs_per_tx.push(secs / f64::from(sent));
    }
    secs_per_tx.sort_by(f64::total_cmp);
    let [fastest, median, slowest] = [0, RUNS / 2, RUNS - 1].map(|i| secs_per_tx[i]);
    Ok(format!(
        "v2 transfer + pair.swap, one tx: {:.0} tx per CPU-second, {gas} gas, {:.0} ns per tx \
         (median of {RUNS} runs; {:.0} to {:.0} tx per CPU-second)",
        1.0 / median,
        median * 1e9,
        1.0 / slowest,
        1.0 / fastest,
    ))
}

struct Chain(MainnetEvm<MainnetContext<InMemoryDB>>);

impl Chain {
    fn new() -> Self {
        let mut db = InMemoryDB::default();
        let forwarder = Bytecode::new_legacy(Bytes::from_static(FORWARDER));
        db.insert_account_info(TRADER, AccountInfo::from_bytecode(forwarder));
        let context = Context::mainnet().with_db(db).modify_cfg_chained(|cfg| {
            cfg.set_spec_and_mainnet_gas_params(SpecId::CANCUN);
            cfg.disable_nonce_check = true;
            cfg.disable_balance_check = true;
            cfg.limit_contract_code_size = Some(usize::MAX);
        });
        Self(context.build_mainnet())
    }

    /// Deploys a pair of two tokens, fills it one to one, and gives the two transactions that swap
    /// there and back. Each asks for 1% less than it pays, so the pair stays as deep on both sides
    /// and the same calldata is good for ever.
    fn market(&mut self) -> Result<[TxEnv; 2], String> {
        let depth = U256::from(10).pow(U256::from(24));
        let purse = U256::from(10).pow(U256::from(30));
        let paid = U256::from(10).pow(U256::from(18));
        let got = paid * U256::from(99) / U256::from(100);

        let factory = self.deploy("UniswapV2Factory", word(OWNER))?;
        let supply = purse + depth;
        let mut tokens = [self.deploy("ERC20", supply)?, self.deploy("ERC20", supply)?];
        tokens.sort(); // as the pair orders them

        let created = self.send(&transaction(factory, encode(CREATE_PAIR, &tokens.map(word))))?;
        let pair = match created.output() {
            Some(output) if output.len() == 32 => Address::from_slice(&output[12..]),
            _ => return Err("the factory did not say where the pair is".to_owned()),
        };
        for token in tokens {
            for (to, amount) in [(pair, depth), (TRADER, purse)] {
                self.send(&transaction(token, encode(TRANSFER, &[word(to), amount])))?;
            }
        }
        self.send(&transaction(pair, encode(MINT, &[word(OWNER)])))?;

        Ok([(tokens[0], [U256::ZERO, got]), (tokens[1], [got, U256::ZERO])].map(|(token, out)| {
            let transfer = encode(TRANSFER, &[word(pair), paid]);
            // The last two words are the empty bytes: where they are and how many.
            let args = [out[0], out[1], word(TRADER), U256::from(4 * 32), U256::ZERO];
            let swap = encode(SWAP, &args);
            let mut calls = Vec::new();
            for (to, data) in [(token, transfer), (pair, swap)] {
                calls.extend(encode([], &[word(to), U256::from(data.len())]));
                calls.extend(data);
            }
            transaction(TRADER, calls)
        }))
    }

    /// Deploys a contract of the package whose constructor takes one word.
    fn deploy(&mut self, name: &str, argument: U256) -> Result<Address, String> {
        let mut code = creation_code(name)?;
        code.extend(argument.to_be_bytes::<32>());
        let tx = TxEnv { kind: TxKind::Create, ..transaction(Address::ZERO, code) };
        self.send(&tx)?.created_address().ok_or_else(|| format!("{name} has no address"))
    }

    /// One transaction in a block of its own.
    fn send(&mut self, tx: &TxEnv) -> Result<ExecutionResult, String> {
        let mut block = self.0.block.clone();
        block.number += U256::ONE;
        block.timestamp += U256::from(BLOCK_SECS);
        self.0.set_block(block);
        match self.0.transact_commit(tx.clone()) {
            Ok(result) if result.is_success() => Ok(result),
            Ok(result) => Err(format!("a transaction failed: {result:?}")),
            Err(why) => Err(format!("a transaction was refused: {why}")),
        }
    }
}

/// A contract's creation code, from the package's build folder.
fn creation_code(name: &str) -> Result<Vec<u8>, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/.contracts/build");
    let path = Path::new(folder).join(format!("{name}.json"));
    let unreadable = |why: &dyn Display| {
        format!("{}: {why}. scripts/evm_contracts.sh fetches the contracts.", path.display())
    };
    let text = fs::read(&path).map_err(|why| unreadable(&why))?;
    let json: serde_json::Value = serde_json::from_slice(&text).map_err(|why| unreadable(&why))?;
    let code = json["bytecode"].as_str().ok_or_else(|| unreadable(&"no bytecode in it"))?;
    hex::decode(code).map_err(|why| unreadable(&why))
}

fn transaction(to: Address, data: Vec<u8>) -> TxEnv {
    TxEnv {
        caller: OWNER,
        kind: TxKind::Call(to),
        data: data.into(),
        gas_limit: GAS_LIMIT,
        gas_price: 0,
        ..TxEnv::default()
    }
}

fn encode<const N: usize>(selector: [u8; N], words: &[U256]) -> Vec<u8> {
    let words = words.iter().flat_map(|word| word.to_be_bytes::<32>());
    selector.into_iter().chain(words).collect()
}

fn word(address: Address) -> U256 {
    U256::from_be_slice(address.as_slice())
}
