#!/bin/sh
# Draws the figures of the documentation again, from the CSV files in docs/data. Not among them are
# regression.png and mnist-full.png: the commands in results.md make the runs and draw them.
set -eu
cd "$(dirname "$0")/.."
go run ./cmd/demo draw --out docs docs/data/mnist.csv docs/data/fashion.csv docs/data/cifar.csv \
	docs/data/dnc.csv
# The suite makes no run that its file has.
suite=$(mktemp -d)
cp docs/data/stress-runs.csv "$suite"
go run ./cmd/demo stress --full --resume --out "$suite"
cp "$suite/stress.png" docs/bound.png
rm -r "$suite"
# These six runs take a quarter of a minute, and need no file.
go run ./cmd/demo bound --out docs
