//! The whole job on the real data, the steps on small data, and what the guest says to inputs that are none.

use std::{
	fs,
	io::Write,
	path::Path,
	process::{Command, Stdio},
};

use digits::{
	model::Network,
	parse::{self, Image, PIXELS},
	report::Confusion,
	split, train, SEED,
};
use federated_digits::{
	assignment::{first_line, Assignment, Job, Step},
	cut::{cut, own_input, Inputs, JOB},
	outcome::{Origin, Outcome},
	run,
};

const SMALL: Job = Job { shards: 2, rounds: 2 };
const NETWORK_BYTES: usize = 19_240;

fn data() -> Vec<u8> {
	fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../digits/data/digits.csv.gz")).unwrap()
}

fn bundle(parts: &[&[u8]]) -> Vec<u8> {
	let with_length = |part: &&[u8]| [&(part.len() as u64).to_le_bytes(), *part].concat();
	parts.iter().flat_map(with_length).collect()
}

/// A bundle of an own input and outputs.
fn after(own: &[u8], outputs: &[Vec<u8>]) -> Vec<u8> {
	let parts: Vec<&[u8]> = [own].into_iter().chain(outputs.iter().map(Vec::as_slice)).collect();
	bundle(&parts)
}

/// What the tasks of each round write, the average last.
fn rounds(inputs: &Inputs, job: Job) -> Vec<Vec<Vec<u8>>> {
	let mut rounds: Vec<Vec<Vec<u8>>> = Vec::new();
	for _ in 0..job.rounds {
		let average = rounds.last().and_then(|outputs| outputs.last());
		let train = |own: &Vec<u8>| match average {
			Some(average) => run(&after(own, std::slice::from_ref(average))).unwrap(),
			None => run(own).unwrap(),
		};
		let mut outputs: Vec<Vec<u8>> = inputs.shards.iter().map(train).collect();
		outputs.push(run(&after(&inputs.average, &outputs)).unwrap());
		rounds.push(outputs);
	}
	rounds
}

fn line(output: &[u8]) -> String {
	let end = output.iter().position(|byte| *byte == b'\n').unwrap();
	String::from_utf8(output[..end].to_vec()).unwrap()
}

fn images(count: usize) -> Vec<Image> {
	let image = |index| Image { pixels: [index as u8 % 17; PIXELS], label: index as u8 % 10 };
	(0..count).map(image).collect()
}

fn small(step: Step) -> Vec<u8> {
	own_input(step, SMALL, images(4).iter()).unwrap()
}

fn train_small() -> Vec<u8> {
	small(Step::Train { shard: 1 })
}

/// An output of the small job, in which every number of the network is the same.
fn output(origin: Origin, round: u32, images: u32, number: f32) -> Vec<u8> {
	let mut network = Network::zeros();
	network.parameters_mut().for_each(|parameter| *parameter = number);
	Outcome { origin, job: SMALL, round, images, note: "a test".into(), network }.to_bytes()
}

fn trained(shard: u32, round: u32, images: u32, number: f32) -> Vec<u8> {
	output(Origin::Trained { shard }, round, images, number)
}

fn averaged(round: u32) -> Vec<u8> {
	output(Origin::Averaged, round, 8, 0.25)
}

fn numbers(output: &[u8]) -> Vec<f32> {
	Outcome::read(output).unwrap().network.parameters().copied().collect()
}

/// The message with which an input is refused, which is one line.
#[track_caller]
fn refused(input: &[u8]) -> String {
	let message = run(input).unwrap_err().to_string();
	assert!(!message.contains('\n'), "{message:?}");
	message
}

#[test]
fn the_whole_job_reads_unseen_digits_almost_as_well_as_one_machine_with_all_images() {
	let all = parse::images(&data()).unwrap();
	let parts = split::stratified(&all, SEED).unwrap();
	let central = train::train(&parts.train, SEED).network.quantise().dequantise();
	let central = Confusion::measure(&central, &parts.test).accuracy();

	let rounds = rounds(&cut(&data(), JOB).unwrap(), JOB);
	let last = rounds.last().unwrap().last().unwrap();
	let federated = Outcome::read(last).unwrap();
	let accuracy = Confusion::measure(&federated.network, &parts.test).accuracy();
	println!("accuracy on the images held out: {central:.4} central, {accuracy:.4} federated");
	assert!((central - accuracy).abs() <= 0.01, "{central} central, {accuracy} federated");
	let expected = format!("averaged 4 shards, round 5 of 5, 1352 images, accuracy {accuracy:.4}");
	assert_eq!(line(last), expected);
}

#[test]
fn a_second_run_gives_the_same_bytes() {
	let run = || rounds(&cut(&data(), JOB).unwrap(), JOB);
	assert_eq!(run(), run());
}

#[test]
fn each_image_to_learn_from_is_in_one_shard_and_none_of_those_held_out() {
	let parts = split::stratified(&parse::images(&data()).unwrap(), SEED).unwrap();
	let inputs = cut(&data(), JOB).unwrap();
	let mut dealt = Vec::new();
	for (shard, own) in inputs.shards.iter().enumerate() {
		let assignment = Assignment::read(own).unwrap();
		assert_eq!(assignment.step, Step::Train { shard: shard as u32 });
		assert_eq!(assignment.job, JOB);
		assert_eq!(assignment.images.len(), 338);
		dealt.extend(assignment.images);
	}
	let sorted = |mut images: Vec<Image>| {
		images.sort_by_key(|image| (image.label, image.pixels));
		images
	};
	assert_eq!(sorted(dealt), sorted(parts.train));
	let average = Assignment::read(&inputs.average).unwrap();
	assert_eq!((average.step, average.images), (Step::Average, parts.test));
}

#[test]
fn job_file_and_inputs_say_the_same() {
	let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("job.toml");
	let file = fs::read_to_string(path).unwrap();
	assert!(file.contains(&format!("\nrounds = {} ", JOB.rounds)));
	let names: Vec<String> =
		(0..JOB.shards).map(|shard| format!("\"data/shard-{shard}.bin\"")).collect();
	assert!(file.contains(&format!("\ninputs = [{}]\n", names.join(", "))));
}

#[test]
fn results_are_a_line_and_the_network() {
	let inputs = Inputs {
		shards: (0..2).map(|shard| small(Step::Train { shard })).collect(),
		average: small(Step::Average),
	};
	let rounds = rounds(&inputs, SMALL);
	for (index, outputs) in rounds.iter().enumerate() {
		let round = format!("round {} of 2", index + 1);
		let starts = [
			format!("trained shard 0 of 2, {round}, 4 images, loss "),
			format!("trained shard 1 of 2, {round}, 4 images, loss "),
			format!("averaged 2 shards, {round}, 8 images, accuracy "),
		];
		for (output, start) in outputs.iter().zip(starts) {
			assert!(line(output).starts_with(&start), "{:?}", line(output));
			assert_eq!(output.len(), line(output).len() + 1 + NETWORK_BYTES);
			assert_eq!(&Outcome::read(output).unwrap().to_bytes(), output);
		}
	}
}

#[test]
fn training_starts_from_the_average_and_alone_from_the_same_weights() {
	let own = train_small();
	assert_eq!(run(&own), run(&bundle(&[&own])));
	let from = |number| run(&bundle(&[&own, &output(Origin::Averaged, 1, 8, number)])).unwrap();
	assert_ne!(numbers(&from(0.25)), numbers(&from(0.5)));
}

#[test]
fn networks_count_by_how_many_images_they_learnt_from() {
	let own = small(Step::Average);
	let result = run(&after(&own, &[trained(0, 1, 1, 1.0), trained(1, 1, 3, 5.0)])).unwrap();
	assert!(numbers(&result).iter().all(|number| *number == 4.0));
	assert!(line(&result).starts_with("averaged 2 shards, round 1 of 2, 4 images, accuracy "));

	let equal = run(&after(&own, &[trained(0, 1, 7, 0.1), trained(1, 1, 13, 0.1)])).unwrap();
	assert!(numbers(&equal).iter().all(|number| *number == 0.1));
}

#[test]
fn the_order_of_the_networks_makes_no_difference() {
	let own = small(Step::Average);
	let (first, second) = (trained(0, 2, 7, 0.3), trained(1, 2, 11, 0.7));
	assert_eq!(
		run(&bundle(&[&own, &first, &second])).unwrap(),
		run(&bundle(&[&own, &second, &first])).unwrap()
	);
}

#[test]
fn refuses_an_own_input_that_says_no_step() {
	let expected = "; expected `train shard K of N in R rounds` or `average N shards in R rounds`";
	for (input, found) in [
		(&b""[..], r#""""#),
		(b"averages 4 shards in 5 rounds\n", r#""averages 4 shards in 5 rounds""#),
		(b"train shard 0 of 4\n", r#""train shard 0 of 4""#),
		(b"train shard 0 of 4 in 5 rounds", r#""train shard 0 of 4 in 5 rounds""#),
		(b"\x1f\x8b\x08 no text\n", r#""\u{1f}�\u{8} no text""#),
	] {
		assert_eq!(refused(input), format!("the first line is {found}{expected}"));
	}
	let long = "train shard 0 of 4 in 5 rounds ".repeat(10);
	assert!(refused(long.as_bytes()).contains(&long[..40]));
}

#[test]
fn refuses_numbers_out_of_range() {
	for (text, message) in [
		("average 0 shards in 5 rounds", "shards: \"0\" is not a whole number from 1 to 64"),
		("average 65 shards in 5 rounds", "shards: \"65\" is not a whole number from 1 to 64"),
		("average 4 shards in 0 rounds", "rounds: \"0\" is not a whole number from 1 to 1000"),
		(
			"average 4 shards in 99999999999 rounds",
			"rounds: \"99999999999\" is not a whole number from 1 to 1000",
		),
		("train shard 4 of 4 in 5 rounds", "shard: \"4\" is not a whole number from 0 to 3"),
		("train shard -1 of 4 in 5 rounds", "shard: \"-1\" is not a whole number from 0 to 3"),
	] {
		assert_eq!(refused(format!("{text}\n").as_bytes()), format!("the first line: {message}"));
	}
}

#[test]
fn refuses_images_that_are_none() {
	let start = first_line(Step::Train { shard: 0 }, SMALL);
	let message = refused(format!("{start}0,1,2\n").as_bytes());
	assert!(message.starts_with("the images: the input is not a gzipped CSV file: "), "{message}");

	let mut image = images(1);
	image[0].pixels[2] = 17;
	let input = own_input(Step::Average, SMALL, image.iter()).unwrap();
	let expected = "the images: line 1, column 3: \"17\" is not a whole number up to 16";
	assert_eq!(refused(&input), expected);

	let input = own_input(Step::Average, SMALL, [].iter()).unwrap();
	assert_eq!(refused(&input), "the images: there are none");
}

#[test]
fn refuses_a_bundle_with_a_wrong_length() {
	let good = bundle(&[&train_small(), &averaged(1)]);
	let left = good.len() - 8;
	for length in [left as u64 + 1, (1 << 56) - 1] {
		let mut input = good.clone();
		input[..8].copy_from_slice(&length.to_le_bytes());
		let expected = format!("part 1 of the bundle: {length} bytes announced, {left} follow");
		assert_eq!(refused(&input), expected);
	}
	let network = averaged(1).len();
	let expected =
		format!("part 2 of the bundle: {network} bytes announced, {} follow", network - 1);
	assert_eq!(refused(&good[..good.len() - 1]), expected);
	let input = [&good[..], &[1, 2, 3]].concat();
	assert_eq!(refused(&input), "the bundle ends within the length of part 3");
	// With a length beyond all inputs, it is not even taken for a bundle.
	let input = [&[0xff; 8], &good[8..]].concat();
	assert!(refused(&input).starts_with("the first line is "));
}

#[test]
fn refuses_a_bundle_of_too_many_parts() {
	let parts = [&b""[..]; 66];
	assert_eq!(refused(&bundle(&parts)), "the bundle has more than 65 parts");
	assert!(refused(&bundle(&parts[1..])).starts_with("the first line is \"\""));
}

#[test]
fn refuses_another_number_of_outputs() {
	let input = bundle(&[&train_small(), &averaged(1), &averaged(1)]);
	assert_eq!(refused(&input), "this step takes one average at most; 2 came");
	for (input, found) in
		[(small(Step::Average), 0), (bundle(&[&small(Step::Average), &trained(1, 1, 4, 0.5)]), 1)]
	{
		let expected = format!("this step takes one network of every shard; {found} came");
		assert_eq!(refused(&input), expected);
	}
}

#[test]
fn refuses_outputs_that_are_no_networks() {
	let with = |output: &[u8]| refused(&bundle(&[&train_small(), output]));
	let fault = "output 1: \"\" is not the first line of a network";
	assert_eq!(with(b""), fault);
	let fault = "output 1: \"averaged 2 shards\" is not the first line of a network";
	assert_eq!(with(b"averaged 2 shards\n"), fault);
	let fault = "output 1: round: \"3\" is not a whole number from 1 to 2";
	assert_eq!(with(&averaged(3)), fault);
	let fault = "output 1: images: \"0\" is not a whole number from 1 to 1073741824";
	assert_eq!(with(&output(Origin::Averaged, 1, 0, 0.25)), fault);

	let good = averaged(1);
	let fault = "output 1: the network has 19239 bytes; expected 19240";
	assert_eq!(with(&good[..good.len() - 1]), fault);
	let fault = "output 1: the network has 19241 bytes; expected 19240";
	assert_eq!(with(&[&good[..], &[0]].concat()), fault);
	let mut input = good.clone();
	let last = input.len() - 4;
	input[last..].copy_from_slice(&f32::NAN.to_le_bytes());
	assert_eq!(with(&input), "output 1: number 4809 of the network is not finite");
}

#[test]
fn refuses_networks_that_do_not_belong_here() {
	let train = |output: Vec<u8>| refused(&after(&train_small(), &[output]));
	assert_eq!(train(trained(1, 1, 4, 0.5)), "output 1: this is not an average");
	assert_eq!(train(averaged(2)), "output 1: all 2 rounds are over");
	let mut other = Outcome::read(&averaged(1)).unwrap();
	other.job.rounds = 3;
	assert_eq!(
		train(other.to_bytes()),
		"output 1: it is of a job of 2 shards in 3 rounds; expected a job of 2 shards in 2 rounds"
	);

	let average = |second| refused(&after(&small(Step::Average), &[trained(1, 1, 4, 0.5), second]));
	assert_eq!(average(averaged(1)), "output 2: this is not the network of a shard");
	let fault = "output 2: it is of round 2, output 1 of round 1";
	assert_eq!(average(trained(0, 2, 4, 0.5)), fault);
	let fault = "output 2: there is another one of shard 1";
	assert_eq!(average(trained(1, 1, 4, 0.5)), fault);
	other.origin = Origin::Trained { shard: 0 };
	assert_eq!(
		average(other.to_bytes()),
		"output 2: it is of a job of 2 shards in 3 rounds; expected a job of 2 shards in 2 rounds"
	);
}

/// What the program itself answers: whether it succeeded, its stdout and its stderr.
fn program(input: &[u8]) -> (bool, Vec<u8>, String) {
	let mut child = Command::new(env!("CARGO_BIN_EXE_federated-digits"))
		.stdin(Stdio::piped())
		.stdout(Stdio::piped())
		.stderr(Stdio::piped())
		.spawn()
		.unwrap();
	child.stdin.take().unwrap().write_all(input).unwrap();
	let output = child.wait_with_output().unwrap();
	(output.status.success(), output.stdout, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_program_answers_on_stdout_and_fails_with_one_line_on_stderr() {
	let input = train_small();
	assert_eq!(program(&input), (true, run(&input).unwrap(), String::new()));
	let input = small(Step::Average);
	let message = "federated-digits: this step takes one network of every shard; 0 came\n";
	assert_eq!(program(&input), (false, Vec::new(), message.into()));
}
