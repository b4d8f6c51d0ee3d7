package main

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

func storageCommand(out io.Writer) *cobra.Command {
	var envFile string
	var byDay bool
	cmd := &cobra.Command{
		Use:   "storage",
		Short: "What storage has cost in the running local cloud, by class: stored, retrieved, left early",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			env, err := readEnv(envFile)
			if err != nil {
				return err
			}
			text, err := ask(cmd.Context(), env, http.MethodGet, "storage", nil, "no answer about storage")
			if err != nil {
				return err
			}
			var use fakevod.StorageUse
			if err := json.Unmarshal(text, &use); err != nil {
				return err
			}
			return storageTable(use, byDay).Write(out, "")
		},
	}
	cmd.Flags().StringVar(&envFile, "env-file", envDefault, "the variables of the running local cloud")
	cmd.Flags().BoolVar(&byDay, "days", false, "a line for each day of Beijing's; default their sums")
	return cmd
}

// storageTable has a line for each class, or for each day and class. What makes no whole
// byte-day in a day is left out: GET /_local/storage is exact.
func storageTable(use fakevod.StorageUse, byDay bool) *report.Table {
	costs := func(u fakevod.ClassUse) []any {
		return []any{report.Bytes(u.ByteDays), report.Bytes(u.RetrievedBytes), report.Bytes(u.EarlyByteDays), u.Moves, u.Restores}
	}
	if byDay {
		table := report.NewTable("day", "class", ">stored, times days", ">retrieved", ">left early, times days", ">moved in", ">restored")
		for _, d := range use.Days {
			for _, class := range video.StorageClasses {
				if u, ok := d.Classes[class]; ok {
					table.Row(append([]any{d.Day, class}, costs(u)...)...)
				}
			}
		}
		return table
	}
	table := report.NewTable("class", ">assets", ">bytes", ">stored, times days", ">retrieved", ">left early, times days", ">moved in", ">restored")
	sums := summed(use)
	for _, class := range video.StorageClasses {
		now := use.Now[class]
		table.Row(append([]any{class, now.Assets, report.Bytes(now.Bytes)}, costs(sums[class])...)...)
	}
	return table
}

// summed is the use of all days, by class.
func summed(use fakevod.StorageUse) map[string]fakevod.ClassUse {
	sums := map[string]fakevod.ClassUse{}
	for _, d := range use.Days {
		for class, u := range d.Classes {
			sum := sums[class]
			sum.ByteDays, sum.RetrievedBytes, sum.EarlyByteDays = sum.ByteDays+u.ByteDays, sum.RetrievedBytes+u.RetrievedBytes, sum.EarlyByteDays+u.EarlyByteDays
			sum.Moves, sum.Restores = sum.Moves+u.Moves, sum.Restores+u.Restores
			sums[class] = sum
		}
	}
	return sums
}
