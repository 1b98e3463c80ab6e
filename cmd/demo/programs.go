package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pkg/errors"
	"github.com/spf13/pflag"

	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/programs"
)

// shortLength is the share of the steps of each program that --short makes.
const shortLength = 0.1

// programsSuite compares solvers in small programs, which are written as Gorgonia's users write
// them.
func programsSuite() suite {
	var short bool
	author := compare.Solver{Name: programs.AuthorsSolver.Name, Title: "the author's"}
	u := suite{
		name:         "programs",
		about:        "Compare solvers in small programs, written as Gorgonia's users write them",
		offered:      slices.Insert(slices.Clone(compare.Solvers), 0, author),
		defaultTasks: "all",
		defaults:     settings{solvers: programs.DefaultSolvers, seed: 1, seeds: 3},
		flags: func(f *pflag.FlagSet, _ *settings) {
			f.BoolVar(&short, "short", false,
				fmt.Sprintf("make %g of the steps, and use one seed if --seeds is not given",
					shortLength))
		},
	}
	u.help = programsHelp(u)
	for _, p := range programs.All {
		u.tasks = append(u.tasks, p.Name)
	}
	u.run = func(ctx context.Context, _ *dist.World, s settings, w io.Writer) error {
		scope := programs.Scope{Solvers: s.solvers, Length: 1, Jobs: s.jobs}
		if short {
			scope.Length = shortLength
			if !s.flags.Changed("seeds") {
				s.seeds = 1
			}
		}
		scope.Seeds = compare.Seeds(s.seed, s.seeds)
		var err error
		scope.Programs, err = compare.Choose("task", programs.All, s.tasks,
			func(p programs.Program) string { return p.Name })
		if err != nil {
			return errors.WithMessage(err, "--tasks")
		}
		return runPrograms(ctx, s, scope, w)
	}
	return u
}

func programsHelp(u suite) string {
	var text strings.Builder
	text.WriteString(`Run small programs, which are written as Gorgonia's users write them. Each
program trains with its author's solver and learning rate, and with other solvers in its place.
Compare the final metric. The results are written to programs.csv.

Tasks, with the author's solver:
`)
	for _, p := range programs.All {
		text.WriteString(wrap(fmt.Sprintf("  %-16s", p.Name), p.Title+", "+p.Author.Title))
	}
	return text.String() + "\n" + u.helpOfSolvers()
}

// runPrograms runs the programs, prints the table and writes the CSV file. If ctx is done, it
// prints and writes the results so far.
func runPrograms(ctx context.Context, s settings, scope programs.Scope, w io.Writer) error {
	path := filepath.Join(s.out, "programs.csv")
	release, err := s.openOut("programs", path)
	if err != nil {
		return err
	}
	defer release()
	left := map[string]int{}
	for _, p := range scope.Programs {
		left[p.Name] = len(scope.Solvers) * len(scope.Seeds)
	}
	done, total := 0, len(scope.Programs)
	scope.Progress = func(r programs.Result) {
		if left[r.Program.Name]--; left[r.Program.Name] == 0 {
			done++
			fmt.Fprintf(w, "%d/%d  %s\n", done, total, r.Program.Name)
		}
	}
	results, err := programs.Run(ctx, scope)
	if len(results) == 0 {
		return err
	}
	writeErr := programs.WriteCSV(path, results)
	fmt.Fprintf(w, "\n%s", programs.Table(programs.Summarise(results)))
	if writeErr != nil {
		return failure{writeErr}
	}
	fmt.Fprintf(w, "\nWrote %s.\n", path)
	return err
}
