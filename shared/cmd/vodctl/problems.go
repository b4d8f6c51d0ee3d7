package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/insight"
	"vodcurator/shared/report"
)

func problemsCommand(a *tool) *cobra.Command {
	s, only, ids := inspected{Source: insight.Source{Kind: allKinds}}, "", false
	names := insight.ProblemNames()
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "problems",
		Short:       "Find stuck uploads, failed transcodes, what plays nothing, unshown images, duplicates, tags in two forms, empty categories",
		Long: `Find what is wrong with the library, each kind with its count, its bytes and what mends it.
Where a fact is missing the asset is counted as doubtful and not as a problem. Duplicates are
those of one MD5 where VOD tells it; of others the same size, length and title are a guess,
and the line says so. With --only NAME --ids the ids alone are printed, one a line; the
oldest of a group of duplicates is not among them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if only != "" && !slices.Contains(names, only) || ids && only == "" {
				return fmt.Errorf("%w: --only %q: want one of %s; --ids needs one", errUsage, only, strings.Join(names, ", "))
			}
			return a.problems(cmd.Context(), s, only, ids)
		},
	}
	cmd.Flags().StringVar(&s.file, "library", "", "a file of vodctl snapshot instead of the account's library")
	cmd.Flags().StringVar(&only, "only", "", "only this one of: "+strings.Join(names, ", "))
	cmd.Flags().BoolVar(&ids, "ids", false, "print the ids alone, one a line")
	return cmd
}

func (a *tool) problems(ctx context.Context, s inspected, only string, ids bool) error {
	done, err := a.open(ctx, &s)
	if err != nil {
		return err
	}
	all, err := insight.Problems(ctx, &s.Source, a.hears())
	if done(); err != nil {
		return err
	}
	if only != "" {
		all = slices.DeleteFunc(all, func(f insight.Finding) bool { return f.Problem != only })
	}
	if !ids {
		return a.printProblems(all, s.Seen)
	}
	for _, f := range all {
		for _, id := range f.IDs {
			if _, err := fmt.Fprintln(a.out, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *tool) printProblems(all []insight.Finding, seen int) error {
	rows := a.rows("problem", ">count", ">bytes", ">doubtful", "which", "for example", "mend it by")
	rows.None = "nothing was found"
	for _, f := range all {
		size, example := report.Size(-1), ""
		if f.Bytes != nil {
			size = report.Size(*f.Bytes)
		}
		if len(f.IDs) > 0 {
			example = string(f.IDs[0])
		}
		rows.Add(f, f.Problem, f.Count, size, f.Doubtful, report.Short{Text: f.What, Width: 60}, example, f.Mend)
	}
	err := rows.Print()
	if len(all) > 0 {
		err = errors.Join(err, a.say("\n%s looked at; --only NAME --ids lists the ids of one kind\n", report.Count(seen, "asset")))
	}
	return err
}
