package main

import (
	"fmt"
	"strings"

	"github.com/pkg/errors"
	"github.com/spf13/cobra"

	"github.com/l4-go/l4/dist"
)

// about is the help of the program.
const about = `Demo trains with L4 and with other solvers from the same initial weights, prints a
table, and writes the curves as PNG, SVG and CSV. Each experiment is a command; demo alone is demo
%s.

Ctrl-C stops the training and writes the results so far. The same flags give the same numbers,
whatever --jobs is.

Built with CC=mpicc and -tags mpi, and started by mpirun, each rank trains on its own batches, each
of --batch, and all ranks make the same steps, one run after the other; rank 0 prints and writes.`

// rootCommand returns the command line: a suite that runs without a command's name, all suites, and
// further commands. It is built with cobra, which brings subcommands, help with the defaults,
// completion of flags and of their values in four shells, and no dependency but its own flags.
func rootCommand(
	world *dist.World, first suite, suites []suite, further ...*cobra.Command,
) *cobra.Command {
	root := first.command(world)
	root.Use = "demo"
	var names []string
	for _, u := range suites {
		root.AddCommand(u.command(world))
		names = append(names, u.name)
	}
	for _, c := range further {
		root.AddCommand(singleProcess(world, c))
		names = append(names, c.Name())
	}
	root.Args = func(_ *cobra.Command, args []string) error { // called after the flags are parsed
		if len(args) == 0 {
			return nil
		}
		return errors.Errorf("no experiment %q: choose from %s", args[0],
			strings.Join(names, ", "))
	}
	root.Short = "Compare L4 with other solvers"
	root.Long = fmt.Sprintf(about, first.name)
	wrapped := strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 100")
	root.SetUsageTemplate(wrapped)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		hint := fmt.Sprintf("%s --help lists the flags", c.CommandPath())
		if strings.Contains(err.Error(), "shorthand") {
			hint = "flags have two dashes; " + hint
		}
		return errors.Errorf("%v (%s)", err, hint)
	})
	return root
}

// command returns the command of a suite.
func (u suite) command(world *dist.World) *cobra.Command {
	s := new(settings)
	c := &cobra.Command{
		Use: u.name, Short: u.about, Long: strings.TrimSuffix(u.help, "\n"), Example: u.examples,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s.complete()
			return u.run(c.Context(), world, *s, c.OutOrStdout())
		},
	}
	c.Flags().SortFlags = false
	s.addFlags(u, c.Flags())
	u.addCompletion(c)
	if !u.ranks {
		return singleProcess(world, c)
	}
	return c
}

// singleProcess makes a command return an error on several ranks.
func singleProcess(w *dist.World, c *cobra.Command) *cobra.Command {
	c.PreRunE = func(*cobra.Command, []string) error {
		if w.Size() > 1 {
			return errors.Errorf("%s runs in one process: start it without mpirun", c.CommandPath())
		}
		return nil
	}
	return c
}

// helpOfSolvers lists the solvers that --solvers chooses from.
func (u suite) helpOfSolvers() string {
	text := "Solvers, each with a number after a colon if it is not the default:\n"
	for _, s := range u.offered {
		title := s.Title
		if s.Number != "" {
			title += fmt.Sprint(" ", s.Default)
		}
		line := fmt.Sprintf("  %-16s  %-33s  %s", s.Name, title, s.Number)
		text += strings.TrimRight(line, " ") + "\n"
	}
	return text
}

// addCompletion completes the values of flags.
func (u suite) addCompletion(c *cobra.Command) {
	var solvers []string
	for _, s := range u.offered {
		solvers = append(solvers, s.Name)
	}
	values := map[string]cobra.CompletionFunc{
		"solvers": completeList(solvers),
		"tasks":   completeList(u.tasks),
		"dtype": cobra.FixedCompletions([]string{"float32", "float64"},
			cobra.ShellCompDirectiveNoFileComp),
		"out":  completeFolder,
		"data": completeFolder,
	}
	for name, complete := range values {
		if c.Flags().Lookup(name) != nil {
			c.RegisterFlagCompletionFunc(name, complete) // fails for an unknown flag only
		}
	}
}

// completeList completes the last name of a list with commas.
func completeList(names []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndex(typed, ",")+1]
		var lists []string
		for _, name := range names {
			lists = append(lists, before+name)
		}
		return lists, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

func completeFolder(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}
