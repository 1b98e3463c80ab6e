package main

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/pkg/errors"
	"github.com/spf13/cobra"

	"github.com/l4-go/l4/internal/experiment/compare"
	"github.com/l4-go/l4/internal/experiment/figure"
)

// drawCommand returns the command that draws figures from the CSV files of experiments.
func drawCommand(experiments []func() experiment) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "draw file.csv ...", Args: cobra.MinimumNArgs(1),
		Short: "Draw the figures of experiments again, from their CSV files",
		Long: "Draw the figure of each CSV file to a PNG file of the same name. An experiment " +
			"must have written\nthe CSV file, and the file name must begin with the experiment's " +
			"name, as in mnist.csv and\nmnist-full.csv.",
		Example: "  demo draw --out docs docs/data/mnist.csv",
		RunE: func(_ *cobra.Command, paths []string) error {
			for _, path := range paths {
				if err := draw(experiments, path, out); err != nil {
					return errors.WithMessage(err, path)
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "out",
		"`folder` to write the figures to; created if it does not exist")
	return c
}

func draw(experiments []func() experiment, path, out string) error {
	base := strings.TrimSuffix(filepath.Base(path), ".csv")
	name, _, _ := strings.Cut(base, "-")
	named := func(e func() experiment) bool { return e().name == name }
	i := slices.IndexFunc(experiments, named)
	if i < 0 {
		return errors.Errorf("the file name begins with %q, which is not an experiment: name a "+
			"file such as mnist.csv or mnist-full.csv", name)
	}
	f, err := figure.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	c, err := compare.ReadCSV(f)
	if err != nil {
		return err
	}
	path = filepath.Join(out, base+".png")
	release, err := settings{out: out}.openOut(base, path)
	if err != nil {
		return err
	}
	defer release()
	e := experiments[i]()
	return figure.Save(path, c.Panels(e.unit, e.measures...)...)
}
