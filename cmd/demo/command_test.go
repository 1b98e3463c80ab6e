package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/l4-go/l4/internal/experiment/compare"
)

// TestDefaults: the defaults depend on the experiment, --full and --grid.
func TestDefaults(t *testing.T) {
	cores := runtime.GOMAXPROCS(0)
	for _, c := range []struct {
		args, solvers       string
		epochs, seeds, jobs int
	}{
		{"", "l4adam,adam", 4, 1, 1},
		{"--seeds 2", "l4adam,adam", 4, 2, cores},
		{"--batch 8,16", "l4adam,adam", 4, 1, cores},
		{"--jobs 7", "l4adam,adam", 4, 1, 7},
		{"--grid", "l4adam,adam,momentum,sgd", 4, 1, cores},
		{"--grid --solvers sgd", "sgd", 4, 1, cores},
		{"--full --epochs 9", mnist().full.solvers, 9, 5, cores},
	} {
		e, s, f := mnist(), new(settings), pflag.NewFlagSet("", pflag.ContinueOnError)
		s.addFlags(e.suite(), f)
		if err := f.Parse(fields(c.args)); err != nil {
			t.Fatal(err)
		}
		s.complete()
		if err := e.complete(s); err != nil {
			t.Errorf("%q: %v", c.args, err)
		}
		if s.solvers.String() != c.solvers || s.epochs != c.epochs || s.seeds != c.seeds ||
			s.jobs != c.jobs {
			t.Errorf("%q: %+v, want %+v", c.args, *s, c)
		}
	}
}

// TestMistakes: mistakes in the flags of experiments, and in names of commands.
func TestMistakes(t *testing.T) {
	data, damaged := smallData(t), smallData(t)
	if err := os.Truncate(filepath.Join(damaged, "train-images-idx3-ubyte"), 1000); err != nil {
		t.Fatal(err)
	}
	occupied := filepath.Join(t.TempDir(), "file")
	writeFile(t, occupied, nil)
	for _, c := range []struct{ args, want string }{
		{"--solvers adamw", `unknown solver "adamw": choose from l4adam, l4mom,`},
		{"--solvers adam:-1", `invalid learning rate "-1"`},
		{"--solvers=", `unknown solver ""`},
		{"--epochs 0", `"--epochs" flag: "0": want an integer from 1 to`},
		{"--epochs many", "many"},
		{"--seeds -1", `"-1": want an integer`},
		{"--restarts 2", "unknown flag: --restarts"},
		{"--batch 0", `"0": want an integer`},
		{"--batch 20,many", `"many": want an integer`},
		{"--batch 20,10,20", "20 is in the list twice"},
		{"--batch 20,201", "--batch 201: want at most 200"},
		{"--jobs 0", "--jobs"},
		{"regression --full", "unknown flag: --full (demo regression --help lists the flags)"},
		{"regression --data .", "unknown flag: --data"},
		{"regression --batch 3", "unknown flag: --batch"},
		{"mnist --tasks notebook", "unknown flag: --tasks"},
		{"regression --tasks note,nothing",
			`unknown task "nothing": choose from notebook, log-spaced`},
		{"--grid --solvers l4adam,l4mom", "--grid: none of the solvers l4adam,l4mom has a"},
		{"--grid --solvers adam:1e-3,sgd,adam:1e-2", "name each such solver once"},
		{"--seed -1", "-1"},
		{"--resume", "--checkpoint"},
		{"--dtype float16", `"float16": want float32 or float64`},
		{"--nonsense", "unknown flag: --nonsense (demo --help lists the flags)"},
		{"-epochs 3", "flags have two dashes"},
		{"mnits", `unknown command "mnits": choose from mnist, regression, fashion, cifar, dnc, ` +
			"stress, programs, draw, bound"},
		{"mnist more", "more"},
		{"--data " + filepath.Join(data, "nowhere"), "nowhere"},
		{"--data " + damaged, "train-images-idx3-ubyte: the data ends after"},
		{"--out " + occupied, "--out: mkdir " + occupied},
		{"--out " + filepath.Join(occupied, "below"), occupied},
	} {
		args := c.args
		if strings.HasPrefix(args, "-") && !strings.Contains(args, "--data") {
			args += " --data " + data
		}
		wantMistake(t, c.want, args)
	}
}

// TestHelp: the help of each command names the solvers and the flags that it takes, with their
// defaults.
func TestHelp(t *testing.T) {
	for args, c := range map[string]struct{ has, hasNot []string }{
		"--help": {
			[]string{"mnist ", "regression ", "completion ", "number of epochs (default 4)"},
			nil,
		},
		"mnist --help": {
			[]string{"--epochs number     number of epochs (default 4)", "--full", "--data",
				"--grid", "(default 64)", "(default l4adam,adam)", "(default float32)"},
			[]string{"--tasks"},
		},
		"regression -h": {
			[]string{"(default 300)", "--grid", "--tasks", "  log-spaced\n", "(default float64)"},
			[]string{"--full", "--data", "--batch"},
		},
	} {
		stdout := succeed(t, args)
		if args != "--help" {
			for _, k := range compare.Solvers {
				c.has = append(c.has, "\n  "+k.Name+" ")
			}
		}
		wantIn(t, stdout, c.has...)
		wantNotIn(t, stdout, c.hasNot...)
	}
}

// TestHelpWidth: the help of no command has a line of more than 100 columns.
func TestHelpWidth(t *testing.T) {
	commands := []string{"", "draw", "bound"}
	for _, u := range allSuites() {
		commands = append(commands, u.name)
	}
	for _, name := range commands {
		for _, line := range strings.Split(succeed(t, name, "--help"), "\n") {
			if n := len([]rune(line)); n > 100 {
				t.Errorf("demo %s --help: a line of %d columns: %s", name, n, line)
			}
		}
	}
}

// TestCompletion checks the completions that a shell offers.
func TestCompletion(t *testing.T) {
	for args, want := range map[string]string{
		"re":                            "regression",
		"mnist --solvers l4adam,mom":    "l4adam,momentum",
		"mnist --dtype float3":          "float32",
		"regression --tasks notebook,l": "notebook,log-spaced",
		"mnist --check":                 "--checkpoint",
		"mnist --out x":                 ":16\n", // folders
		"mnist --data x":                ":16\n",
	} {
		_, stdout, _ := demo(t, "__complete", args)
		wantIn(t, stdout, want)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		wantIn(t, succeed(t, "completion", shell), "demo")
	}
}
