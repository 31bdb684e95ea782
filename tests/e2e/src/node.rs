//! Nodes, alone or as a network of validators.

use crate::{
	paths::program,
	process::Process,
	scene::{free_port, Scene},
	wait::{seconds, until},
};
use aidragon_client::chain::{Chain, View};
use aidragon_primitives::BlockNumber;
use anyhow::{ensure, Context, Result};
use std::{
	fs,
	process::{Command, Output},
	time::Duration,
};

/// Time that a node has to compile its runtime and answer: ten seconds of one core, and four may start at once.
const START_MAX: Duration = seconds(150);

/// A running node.
pub struct Node {
	name: String,
	arguments: Vec<String>,
	rpc_port: u16,
	process: Process,
}

impl Node {
	/// Starts a development chain: one authority, fresh state. Returns once it has finalized a block.
	pub async fn dev(scene: &Scene) -> Result<(Self, Chain)> {
		Self::dev_with(scene, &[]).await
	}

	/// As [`Self::dev`], with further flags.
	pub async fn dev_with(scene: &Scene, flags: &[&str]) -> Result<(Self, Chain)> {
		let role = ["--dev"].iter().chain(flags).map(|flag| (*flag).to_owned()).collect();
		let mut node = Self::start(scene, "node", free_port()?, role)?;
		let chain = node.connected().await?;
		node.finalized_beyond(&chain, 0, START_MAX).await?;
		scene.say("the development chain finalizes blocks");
		Ok((node, chain))
	}

	/// The address for clients.
	pub fn url(&self) -> String {
		format!("ws://127.0.0.1:{}", self.rpc_port)
	}

	/// Connects once the node answers.
	pub async fn connected(&mut self) -> Result<Chain> {
		let url = self.url();
		until(format_args!("{} to answer", self.name), START_MAX, async || {
			self.process.ensure_running()?;
			Ok(Chain::connect(&url).await.ok())
		})
		.await
	}

	/// Waits until a block above `number` is final, and gives its number.
	pub async fn finalized_beyond(
		&mut self,
		chain: &Chain,
		number: BlockNumber,
		limit: Duration,
	) -> Result<BlockNumber> {
		let what = format!("{} to finalize a block above {number}", self.name);
		until(what, limit, async || {
			self.process.ensure_running()?;
			let head = chain.head(View::Finalized).await?;
			Ok((head.number > number).then_some(head.number))
		})
		.await
	}

	/// Ends it at once, without a chance to do anything.
	pub fn kill(&mut self) -> Result<()> {
		self.process.kill()
	}

	/// Starts it again, on the data that it left.
	pub fn restart(&mut self, scene: &Scene) -> Result<()> {
		self.process = spawn(scene, &self.name, &self.arguments)?;
		Ok(())
	}

	fn start(scene: &Scene, name: &str, p2p_port: u16, role: Vec<String>) -> Result<Self> {
		let rpc_port = free_port()?;
		let mut arguments = role;
		for (flag, value) in [
			("--base-path", scene.data(name).display().to_string()),
			("--rpc-port", rpc_port.to_string()),
			("--listen-addr", format!("/ip4/127.0.0.1/tcp/{p2p_port}")),
		] {
			arguments.extend([flag.to_owned(), value]);
		}
		arguments.extend(["--no-prometheus", "--no-telemetry", "--no-mdns"].map(String::from));
		let process = spawn(scene, name, &arguments)?;
		Ok(Self { name: name.into(), arguments, rpc_port, process })
	}
}

fn spawn(scene: &Scene, name: &str, arguments: &[String]) -> Result<Process> {
	Process::start(scene, name, Command::new(program("aidragon-node")?).args(arguments))
}

/// Starts one validator of the local network for each name, `alice` to `dave`. They find each other through the first.
///
/// As on any network, all start from one exported specification; that spares each of them to compute the genesis.
pub fn validators(scene: &Scene, names: &[&str]) -> Result<Vec<Node>> {
	let specification = scene.data("local.json");
	fs::write(&specification, ask(&["export-chain-spec", "--chain", "local", "--raw"])?.stdout)?;
	let mut bootnode: Option<String> = None;
	let mut nodes = Vec::new();
	for name in names {
		let key = scene.data(&format!("{name}.key")).display().to_string();
		let peer = ask(&["key", "generate-node-key", "--file", &key])?.stderr;
		let peer = String::from_utf8_lossy(&peer).lines().last().map(|line| line.trim().to_owned());
		let peer = peer.context("no name came with the network key")?;
		let port = free_port()?;
		let mut role = vec![format!("--{name}")];
		role.extend(["--chain".into(), specification.display().to_string()]);
		role.extend(["--node-key-file".into(), key]);
		match &bootnode {
			Some(first) => role.extend(["--bootnodes".into(), first.clone()]),
			None => bootnode = Some(format!("/ip4/127.0.0.1/tcp/{port}/p2p/{peer}")),
		}
		nodes.push(Node::start(scene, name, port, role)?);
	}
	Ok(nodes)
}

/// Runs a subcommand of the node's program that must succeed.
fn ask(arguments: &[&str]) -> Result<Output> {
	let output = Command::new(program("aidragon-node")?).args(arguments).output()?;
	let errors = String::from_utf8_lossy(&output.stderr);
	ensure!(output.status.success(), "aidragon-node {}: {errors}", arguments.join(" "));
	Ok(output)
}
