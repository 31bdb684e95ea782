// Submits the newest task of a chain once more and reads its result, knowing nothing but the node's address: calls,
// storage, events and documentation all come from the metadata that the node serves.
//
//   node submit-task.mjs ws://127.0.0.1:9944
//
// Signs with the development account //Alice. Prints one line of JSON on stdout; progress goes to stderr.

import { blake3 } from '@noble/hashes/blake3';
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api';

const MARKET_PALLETS = ['nodeRegistry', 'resourceVerification', 'taskMatching', 'tokenRewards'];
const TERMINAL_STATES = ['Settled', 'Failed', 'Cancelled', 'Expired'];
const TIME_LIMIT_MS = 150_000;

const say = (message) => process.stderr.write(`submit-task: ${message}\n`);

/** Name, ticker, decimals and address prefix as wallets see them. */
const describeChain = async (api) => {
	const properties = api.registry.getChainProperties();
	return {
		name: (await api.rpc.system.chain()).toString(),
		specName: api.runtimeVersion.specName.toString(),
		symbol: properties.tokenSymbol.unwrap()[0].toString(),
		decimals: properties.tokenDecimals.unwrap()[0].toNumber(),
		ss58: properties.ss58Format.unwrap().toNumber(),
	};
};

/** Calls of the market's pallets, and those among them that the metadata says nothing about. */
const describeCalls = (api) => {
	const calls = MARKET_PALLETS.flatMap((pallet) =>
		Object.entries(api.tx[pallet]).map(([name, call]) => ({ name: `${pallet}.${name}`, docs: call.meta.docs })),
	);
	const undocumented = calls.filter(({ docs }) => docs.join('').trim() === '').map(({ name }) => name);
	return { documented: calls.length - undocumented.length, undocumented };
};

const readTask = async (api, id) => {
	const task = await api.query.taskMatching.tasks(id);
	if (task.isNone) {
		throw new Error(`the chain keeps no task ${id}`);
	}
	return task.unwrap();
};

/** What is to be done by the newest task, which its job says, and on what. */
const newestOrder = async (api) => {
	const next = (await api.query.taskMatching.nextTaskId()).toBigInt();
	if (next === 0n) {
		throw new Error('no task was ever submitted to this chain; submit one first');
	}
	const { job, input } = await readTask(api, next - 1n);
	const { spec } = (await api.query.taskMatching.jobs(job)).unwrap();
	return { spec, input };
};

/** Sends a call and gives its events once a block holds it. */
const submit = (api, call, account) =>
	new Promise((resolve, reject) => {
		const onStatus = ({ status, events, dispatchError }) => {
			if (dispatchError?.isModule) {
				const { section, name, docs } = api.registry.findMetaError(dispatchError.asModule);
				reject(new Error(`${section}.${name}: ${docs.join(' ')}`));
			} else if (dispatchError) {
				reject(new Error(dispatchError.toString()));
			} else if (status.isInBlock) {
				resolve(events.map(({ event }) => event));
			} else if (status.isInvalid || status.isDropped || status.isUsurped) {
				reject(new Error(`the transaction was not included: ${status.type}`));
			}
		};
		call.signAndSend(account, onStatus).catch(reject);
	});

/** Follows a task to its terminal state. */
const finished = (api, id) =>
	new Promise((resolve, reject) => {
		let last;
		const onChange = (task) => {
			const state = task.unwrap().state.type;
			if (state !== last) {
				last = state;
				say(`task ${id}: ${state}`);
			}
			if (TERMINAL_STATES.includes(state)) {
				resolve(task.unwrap());
			}
		};
		api.query.taskMatching.tasks(id, onChange).catch(reject);
	});

/** Fetches the output from the first replica that serves it over HTTP, and checks that it is what was agreed on. */
const fetchOutput = async (api, task, hash) => {
	for (const replica of task.replicas) {
		const worker = (await api.query.nodeRegistry.workers(replica.worker)).unwrap();
		if (worker.address.http.isNone) {
			continue;
		}
		const url = `http://${worker.address.http.unwrap().toUtf8()}/blobs/${hash}`;
		const response = await fetch(url);
		if (!response.ok) {
			say(`${url}: ${response.status}`);
			continue;
		}
		const bytes = new Uint8Array(await response.arrayBuffer());
		const found = Buffer.from(blake3(bytes)).toString('hex');
		if (found !== hash) {
			throw new Error(`${url} serves bytes with the BLAKE3 hash ${found}`);
		}
		return bytes;
	}
	throw new Error(`no replica serves output ${hash}`);
};

const describeReplica = (replica) => ({
	worker: replica.worker.toNumber(),
	provider: replica.provider.toString(),
	beaconBlock: replica.beaconBlock.toNumber(),
	outputRoot: replica.progress.isRevealed ? replica.progress.asRevealed.outputRoot.toHex() : null,
	fuel: replica.progress.isRevealed ? replica.progress.asRevealed.fuel.toString() : null,
});

const run = async (api) => {
	const alice = new Keyring({ type: 'sr25519' }).addFromUri('//Alice');
	const { spec, input } = await newestOrder(api);
	const events = await submit(api, api.tx.taskMatching.submitTask(spec, input), alice);
	const submitted = events.find((event) => api.events.taskMatching.JobSubmitted.is(event));
	const id = submitted.data.job.toBigInt();
	say(`submitted task ${id}`);

	const task = await finished(api, id);
	if (task.result.isNone) {
		throw new Error(`task ${id} ended without a result: ${task.state.toString()}`);
	}
	const result = task.result.unwrap();
	const output = await fetchOutput(api, task, result.outputRoot.toHex().slice(2));
	return {
		chain: await describeChain(api),
		calls: describeCalls(api),
		task: Number(id),
		state: task.state.type,
		outputRoot: result.outputRoot.toHex(),
		outputBytes: output.length,
		fuel: result.fuel.toString(),
		paid: task.paid.toString(),
		replicas: task.replicas.map(describeReplica),
	};
};

const url = process.argv[2];
if (process.argv.length !== 3 || !/^wss?:/.test(url)) {
	say('usage: node submit-task.mjs ws://HOST:PORT');
	process.exit(2);
}
setTimeout(() => {
	say(`gave up after ${TIME_LIMIT_MS / 1000} s`);
	process.exit(1);
}, TIME_LIMIT_MS).unref();
const provider = new WsProvider(url);
try {
	const api = await ApiPromise.create({ provider, noInitWarn: true, throwOnConnect: true });
	process.stdout.write(`${JSON.stringify(await run(api))}\n`);
} catch (error) {
	say(error.message);
	process.exitCode = 1;
} finally {
	await provider.disconnect();
}
