package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pkg/errors"
	"github.com/spf13/cobra"

	"github.com/l4-go/l4/internal/experiment/figure"
	"github.com/l4-go/l4/internal/experiment/programs"
)

// shortLength is the share of each program's steps that --short makes.
const shortLength = 0.1

// programsCommand returns the command that runs the suite of small programs.
func programsCommand() *cobra.Command {
	var tasks, solvers []string
	var short bool
	var seed uint64
	var jobs int
	seeds, out := 3, "out"
	c := &cobra.Command{
		Use:   "programs",
		Short: "Run programs as Gorgonia's users write them, with their authors' solvers and others",
		Long:  programsLong(),
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			scope := programs.Scope{Length: 1, Jobs: jobs}
			if jobs == 0 {
				scope.Jobs = runtime.GOMAXPROCS(0)
			}
			if short {
				scope.Length = shortLength
				if !c.Flags().Changed("seeds") {
					seeds = 1
				}
			}
			for i := range seeds {
				scope.Seeds = append(scope.Seeds, seed+uint64(i))
			}
			var err error
			scope.Programs, err = chosen("tasks", tasks, programs.All,
				func(p programs.Program) string { return p.Name })
			if err != nil {
				return err
			}
			scope.Solvers, err = chosen("solvers", solvers, programs.Solvers,
				func(s programs.Solver) string { return s.Name })
			if err != nil {
				return err
			}
			return runPrograms(c, scope, filepath.Join(out, "programs.csv"))
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringSliceVar(&tasks, "tasks", nil,
		"`list` of programs, or of beginnings of their names (default all)")
	f.StringSliceVar(&solvers, "solvers", nil, "`list` of solvers (default all)")
	f.Uint64Var(&seed, "seed", 1, "`number` that data, initial weights and batches follow from")
	f.Var(starts{(*count)(&seeds)}, "seeds", "`number` of seeds, counted on from --seed")
	f.BoolVar(&short, "short", false,
		fmt.Sprintf("make %g of the steps, from one seed", shortLength))
	f.Var((*count)(&jobs), "jobs", "`number` of runs side by side (default one for each core)")
	f.StringVar(&out, "out", out, "`folder` for the CSV, made if it does not exist")
	return c
}

func programsLong() string {
	var b strings.Builder
	b.WriteString(`Runs a suite of small programs as Gorgonia's users write them, each with its
author's solver and rate and with others in its place, and compares the final metric.

Solvers:
`)
	for _, s := range programs.Solvers {
		fmt.Fprintf(&b, "  %-16s %s\n", s.Name, s.Title)
	}
	b.WriteString("\nTasks:\n")
	for _, p := range programs.All {
		fmt.Fprintf(&b, "  %-16s %s, %s\n", p.Name, p.Title, p.Author.Title)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// chosen returns those whose names have one of the beginnings, all if there is no beginning.
func chosen[T any](flag string, beginnings []string, all []T, name func(T) string) ([]T, error) {
	if beginnings == nil {
		return all, nil
	}
	used := map[string]bool{}
	var some []T
	var names []string
	for _, x := range all {
		names = append(names, name(x))
		is := false
		for _, b := range beginnings {
			if strings.HasPrefix(name(x), b) {
				is, used[b] = true, true
			}
		}
		if is {
			some = append(some, x)
		}
	}
	for _, b := range beginnings {
		if !used[b] {
			return nil, errors.Errorf("--%s: no %q: choose from %s", flag, b,
				strings.Join(names, ", "))
		}
	}
	return some, nil
}

// runPrograms runs the programs and writes the table and the CSV, of what there is if ctx ends.
func runPrograms(c *cobra.Command, scope programs.Scope, path string) error {
	release, err := openOut(filepath.Dir(path), "programs", path)
	if err != nil {
		return err
	}
	defer release()
	w := c.OutOrStdout()
	left := map[string]int{}
	for _, p := range scope.Programs {
		left[p.Name] = len(scope.Solvers) * len(scope.Seeds)
	}
	done, total := 0, len(scope.Programs)
	scope.OnResult = func(r programs.Result) {
		if left[r.Program.Name]--; left[r.Program.Name] == 0 {
			done++
			fmt.Fprintf(w, "%d/%d  %s\n", done, total, r.Program.Name)
		}
	}
	results, err := programs.Run(c.Context(), scope)
	if len(results) == 0 {
		return err
	}
	writeErr := figure.WriteCSV(path, programs.Rows(results))
	fmt.Fprintf(w, "\n%s", programs.Table(programs.Summarise(results)))
	if writeErr != nil {
		return failure{writeErr}
	}
	fmt.Fprintf(w, "\nWrote %s.\n", path)
	return err
}
