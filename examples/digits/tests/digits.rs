//! The guest's steps on the real data, and what it says to inputs that are none.

use std::{io::Write, path::Path};

use digits::{
	parse::{self, Image, InputError, CLASSES, PIXELS},
	report::Confusion,
	split, train, SEED,
};
use flate2::{write::GzEncoder, Compression};

fn real_input() -> Vec<u8> {
	let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/digits.csv.gz");
	std::fs::read(path).unwrap()
}

fn gzip(text: &str) -> Vec<u8> {
	let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
	encoder.write_all(text.as_bytes()).unwrap();
	encoder.finish().unwrap()
}

fn line(pixel: &str, label: &str) -> String {
	format!("{}{label}\n", format!("{pixel},").repeat(PIXELS))
}

#[test]
fn reads_all_images_of_the_real_data() {
	let images = parse::images(&real_input()).unwrap();
	assert_eq!(images.len(), 1797);
	assert_eq!(images[0].label, 0);
	assert_eq!(images[0].pixels[..8], [0, 0, 5, 13, 9, 1, 0, 0]);
	assert_eq!(images[1796].label, 8);
}

#[test]
fn split_keeps_every_image_once_and_every_digit_on_both_sides() {
	let images = parse::images(&real_input()).unwrap();
	let parts = split::stratified(&images, SEED).unwrap();
	assert_eq!((parts.train.len(), parts.test.len()), (1352, 445));
	for digit in 0..CLASSES as u8 {
		let count = |images: &[Image]| images.iter().filter(|image| image.label == digit).count();
		assert_eq!(count(&parts.test), count(&images) / 4);
	}
	let sorted = |mut images: Vec<Image>| {
		images.sort_by_key(|image| (image.label, image.pixels));
		images
	};
	assert_eq!(sorted([parts.train, parts.test].concat()), sorted(images));
}

#[test]
fn another_seed_gives_another_split() {
	let images = parse::images(&real_input()).unwrap();
	let first = split::stratified(&images, 1).unwrap();
	let second = split::stratified(&images, 2).unwrap();
	assert_ne!(first.test, second.test);
}

#[test]
fn returned_model_reads_unseen_digits() {
	let images = parse::images(&real_input()).unwrap();
	let parts = split::stratified(&images, SEED).unwrap();
	let model = train::train(&parts.train, SEED).network.quantise().dequantise();
	let accuracy = Confusion::measure(&model, &parts.test).accuracy();
	assert!(accuracy >= 0.96, "accuracy {accuracy}");
}

#[test]
fn result_is_the_same_every_time_and_small() {
	let first = digits::run(&real_input()).unwrap();
	assert_eq!(first, digits::run(&real_input()).unwrap());
	assert!(first.starts_with("{\n\"test_accuracy\": 0.9"));
	assert!(first.len() < 100_000, "{} bytes", first.len());
}

#[test]
fn refuses_what_is_not_gzip() {
	assert!(matches!(parse::images(b"0,1,2\n"), Err(InputError::Gzip(_))));
	assert!(matches!(parse::images(b""), Err(InputError::Gzip(_))));
}

#[test]
fn refuses_a_truncated_or_altered_file() {
	let mut input = real_input();
	let checksum = input.len() - 8;
	assert!(matches!(parse::images(&input[..input.len() / 2]), Err(InputError::Gzip(_))));
	input[checksum] ^= 1;
	assert!(matches!(parse::images(&input), Err(InputError::Gzip(_))));
}

#[test]
fn refuses_text_that_is_not_utf8() {
	let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
	encoder.write_all(&[0xff, 0xfe, b'\n']).unwrap();
	let input = encoder.finish().unwrap();
	assert!(matches!(parse::images(&input), Err(InputError::Gzip(_))));
}

#[test]
fn names_the_line_and_column_at_fault() {
	let text = line("3", "7") + &line("17", "7");
	let error = parse::images(&gzip(&text)).unwrap_err();
	assert_eq!(error.to_string(), "line 2, column 1: \"17\" is not a whole number up to 16");

	let error = parse::images(&gzip(&line("3", "10"))).unwrap_err();
	assert_eq!(error.to_string(), "line 1, column 65: \"10\" is not a whole number up to 9");

	let error = parse::images(&gzip("1,2,3\n")).unwrap_err();
	assert_eq!(error.to_string(), "line 1: 3 fields; expected 64 pixels and a label");

	let error = parse::images(&gzip("\n")).unwrap_err();
	assert_eq!(error.to_string(), "line 1: 1 fields; expected 64 pixels and a label");
}

#[test]
fn refuses_a_digit_without_enough_images() {
	let text = line("3", "0").repeat(4) + &line("3", "1").repeat(3);
	let error = digits::run(&gzip(&text)).unwrap_err();
	assert_eq!(error, InputError::TooFew { digit: 1, found: 3, needed: 4 });
}
