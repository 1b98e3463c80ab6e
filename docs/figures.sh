#!/bin/sh
# Draws the figures of the documentation again from the CSV files in docs/data. Three figures are not
# among them: the commands in results.md make the runs of regression.png and mnist-full.png, and demo
# bound makes the runs of bound-runs.png.
set -eu
cd "$(dirname "$0")/.."
go run ./cmd/demo draw --out docs docs/data/mnist.csv docs/data/fashion.csv docs/data/cifar.csv \
	docs/data/dnc.csv
# The suite does not repeat a run that is in its file.
suite=$(mktemp -d)
cp docs/data/stress-runs.csv "$suite"
go run ./cmd/demo stress --full --resume --out "$suite"
cp "$suite/stress.png" docs/bound.png
rm -r "$suite"
