package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/l4-go/l4/dist"
)

// TestNumericFlags gives extreme numbers to each numeric flag of each command. An invalid number is
// reported in one line that names the flag, before a file is written. The context is done, so valid
// numbers do not train either.
func TestNumericFlags(t *testing.T) {
	const huge, most = "1000000001", "9223372036854775807"
	valid := map[string][]string{"seed": {"0", huge, most}, "dropout": {"0"}}
	digits := "--data " + smallData(t)
	quick := map[string]string{
		"demo": digits, "mnist": digits, "fashion": "--data " + noisyData(t, 28),
		"cifar":  "--batch 8 --data " + smallCIFAR(t),
		"stress": "--tasks floor", "programs": "--tasks xor",
	}
	tried := map[string]int{}
	root := rootCommand(dist.SingleProcess(), mnist().suite(), allSuites())
	for _, c := range append(root.Commands(), root) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			switch f.Value.Type() {
			case "bool", "string", "stringSlice", "type":
				return
			}
			for _, number := range []string{"0", "-1", huge, most} {
				out := filepath.Join(t.TempDir(), "out")
				args := fields(quick[c.Name()], "--out", out, "--"+f.Name, number)
				if c != root {
					args = append([]string{c.Name()}, args...)
				}
				r := interrupted(t, args...)
				want, said := exitUsage, "--"+f.Name
				if slices.Contains(valid[f.Name], number) {
					want, said = exitInterrupted, "interrupted"
				}
				oneLine := strings.Count(r.stderr, "\n") == 1
				if r.code != want || !strings.Contains(r.stderr, said) || !oneLine {
					t.Errorf("%s: exit code %d, want %d: %s", args, r.code, want, r.stderr)
				}
				if _, err := os.Stat(out); want == exitUsage && err == nil {
					t.Errorf("%s: the output folder has been made", args)
				}
				tried[f.Name]++
			}
		})
	}
	for _, name := range fields("epochs seed seeds jobs batch depth dropout") {
		if tried[name] == 0 {
			t.Errorf("no command has the flag --%s", name)
		}
	}
}

// TestMostEpochs: reports work with the largest number of epochs.
func TestMostEpochs(t *testing.T) {
	digits := "--batch 20 --data " + smallData(t)
	for _, args := range []string{"mnist --full " + digits, "regression", "dnc --batch 2"} {
		var r rank
		for wait := time.Second / 4; !strings.Contains(r.stdout, "Wrote"); wait *= 2 {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(wait, cancel)
			r = start(t, 1, ctx, func() {}, args, "--epochs 1000000000 --out", t.TempDir())[0]
		}
		if r.code != exitInterrupted || r.stderr != "demo: interrupted\n" {
			t.Errorf("%s: exit code %d: %s", args, r.code, r.stderr)
		}
	}
}

// TestMostSeeds: the list of runs for the largest number of seeds fits in memory. No run is made.
func TestMostSeeds(t *testing.T) {
	for _, args := range []string{
		"regression --seeds 1000", "stress --full --seeds 1000", "programs --seeds 1000",
	} {
		r := interrupted(t, args, "--out", t.TempDir())
		if r.code != exitInterrupted || r.stderr != "demo: interrupted\n" {
			t.Errorf("%s: exit code %d: %s", args, r.code, r.stderr)
		}
	}
}
