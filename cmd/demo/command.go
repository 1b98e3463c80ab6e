package main

import (
	"fmt"
	"strings"

	"github.com/pkg/errors"
	"github.com/spf13/cobra"

	"github.com/l4-go/l4/dist"
)

// about is the help of the program. It has a place for the name of the first suite.
const about = `Demo compares L4 with other solvers, such as Adam. A comparison trains the same
models with each solver, from the same initial weights and on the same data in the same order. It
prints a table of the results and writes CSV files. Most comparisons also draw figures as PNG and
SVG.

Try "demo %[1]s" first, which takes about half a minute. "demo" without a command does the same and
takes the same flags, which are listed below. "demo COMMAND --help" explains a command, its solvers
and its flags. The paper is M. Rolinek and G. Martius, "L4: Practical loss-based stepsize adaptation
for deep learning", NeurIPS 2018.

Ctrl-C stops a comparison and writes the results so far. The same flags give the same numbers for
any value of --jobs; only run times differ.

A command with --batch can also train on several MPI ranks: build demo with CC=mpicc and -tags mpi,
and start it with mpirun. Each rank trains on its own batches of --batch samples, and all ranks make
the same steps. Runs are made one after the other. Only rank 0 prints and writes the results.`

// rootExamples are commands to try first.
const rootExamples = `  demo                                      start here
  demo --solvers l4adam,adam:3e-3,momentum  compare other solvers
  demo regression                           the experiment of the paper's section 3.1
  demo stress                               many small tasks, for some minutes`

// rootCommand returns the command line: the suite that runs if no command is named, all suites, and
// further commands. Cobra provides subcommands, help with defaults, and completion of flags and
// their values in four shells. It depends on nothing but its package for flags.
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
		return errors.Errorf("unknown command %q: choose from %s", args[0],
			strings.Join(names, ", "))
	}
	root.Short = "Compare L4 with other solvers"
	root.Long, root.Example = fmt.Sprintf(about, first.name), rootExamples
	wrapped := strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages",
		fmt.Sprint(".FlagUsagesWrapped ", helpWidth))
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

// singleProcess makes a command return an error if there are several ranks.
func singleProcess(w *dist.World, c *cobra.Command) *cobra.Command {
	c.PreRunE = func(*cobra.Command, []string) error {
		if w.Size() > 1 {
			return errors.Errorf("%s runs in one process, not on %d ranks: start it without mpirun",
				c.CommandPath(), w.Size())
		}
		return nil
	}
	return c
}

// helpOfSolvers lists the solvers that --solvers chooses from.
func (u suite) helpOfSolvers() string {
	text := wrap("", "Solvers, each with its default number and the meaning of that number. A "+
		"number after a colon replaces the default, as in adam:3e-4. A fraction is L4's α: the "+
		"part of the gap between the loss and its estimated minimum that a step is to close.")
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
	}
	for name, complete := range values {
		c.RegisterFlagCompletionFunc(name, complete) // fails only if the command lacks the flag
	}
	c.MarkFlagDirname("out")
	c.MarkFlagDirname("data")
}

// completeList completes the last name of a list that is separated by commas.
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
