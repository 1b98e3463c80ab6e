package main

import (
	"fmt"
	"strings"

	"github.com/pkg/errors"
	"github.com/spf13/cobra"

	"github.com/l4-go/l4/dist"
	"github.com/l4-go/l4/internal/experiment/train"
)

// about is the help of the program.
const about = `Demo trains with L4 and with other solvers from the same initial weights, prints a table, and writes
the curves as PNG, SVG and CSV. Each experiment is a command; demo alone is demo %s.

Ctrl-C ends the training and writes what there is. The same flags give the same numbers, whatever
--jobs is.

Built with CC=mpicc and -tags mpi, and started by mpirun, each rank trains on batches of its own, of
--batch each, and all make the same steps, one run after the other; rank 0 prints and writes.`

// rootCommand returns the command line. It is built with cobra, which brings subcommands, help with
// the defaults, completion of flags and of their values in four shells, and no dependency but its
// own flags.
func rootCommand(world *dist.World) *cobra.Command {
	first := experiments[0]()
	root := experimentCommand(world, first)
	root.Use = "demo"
	var commands []*cobra.Command
	for _, e := range experiments {
		commands = append(commands, experimentCommand(world, e()))
	}
	commands = append(commands, alone(world, stressCommand()), alone(world, programsCommand()),
		alone(world, drawCommand()))
	root.Args = func(_ *cobra.Command, args []string) error { // called after the flags are parsed
		if len(args) == 0 {
			return nil
		}
		return errors.Errorf("no experiment %q: choose from %s", args[0],
			strings.Join(names(commands), ", "))
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
	root.AddCommand(commands...)
	return root
}

func names(commands []*cobra.Command) []string {
	var names []string
	for _, c := range commands {
		names = append(names, c.Name())
	}
	return names
}

// experimentCommand returns the command of an experiment, with the flags that it takes.
func experimentCommand(world *dist.World, e experiment) *cobra.Command {
	s := newSettings(e)
	c := &cobra.Command{
		Use: e.name, Short: e.about, Long: long(e), Example: e.examples, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.complete(e, c.Flags()); err != nil {
				return err
			}
			return runJob(c.Context(), world, e, *s, c.OutOrStdout())
		},
	}
	c.Flags().SortFlags = false
	s.addFlags(e, c.Flags())
	addCompletion(e, c)
	return c
}

// long is the text above the flags of an experiment.
func long(e experiment) string {
	text := fmt.Sprintf("%s.\nAn epoch is %s.\n\n", e.about, e.epoch) +
		"Solvers, each with a number after a colon if it is not the default:\n"
	for _, k := range train.Kinds {
		text += fmt.Sprintf("  %-16s %s %v\n", k.Name, k.Number, k.Value)
	}
	if len(e.tasks) > 0 {
		text += "\nTasks:\n"
		for _, name := range e.tasks {
			text += "  " + name + "\n"
		}
	}
	if e.gridStarts > 0 {
		text += `
The search of --grid looks at rates a factor of about 3 apart, first around the given one and then
on from the best while it lies at the edge. The best rate has the smallest mean training loss in the
last epoch, as a geometric mean over the starts. A rate that diverges from any start is out.
`
	}
	return strings.TrimSuffix(text, "\n")
}

// addCompletion tells the shell what the flags' values can be.
func addCompletion(e experiment, c *cobra.Command) {
	var kinds []string
	for _, k := range train.Kinds {
		kinds = append(kinds, k.Name)
	}
	values := map[string]cobra.CompletionFunc{
		"solvers": completeList(kinds),
		"tasks":   completeList(e.tasks),
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
