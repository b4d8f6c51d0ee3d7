package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

func generateCommand(out io.Writer) *cobra.Command {
	var envFile string
	var assets int
	var seed uint64
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Fill the running local cloud with assets made from a seed: video, audio and images of five years, without files behind them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			env, err := readEnv(envFile)
			if err != nil {
				return err
			}
			text, err := ask(cmd.Context(), env, http.MethodPost, "generate", strings.NewReader(fmt.Sprintf(`{"assets":%d,"seed":%d}`, assets, seed)), "nothing was generated")
			if err != nil {
				return err
			}
			var made struct{ Assets, Library int }
			if err := json.Unmarshal(text, &made); err != nil {
				return err
			}
			_, _ = fmt.Fprintf(out, "%d assets made from seed %d; the library has %d\n", made.Assets, seed, made.Library)
			return nil
		},
	}
	cmd.Flags().StringVar(&envFile, "env-file", envDefault, "the variables of the running local cloud")
	cmd.Flags().IntVar(&assets, "assets", 300, "how many")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "the same seed makes the same assets, once in a library")
	return cmd
}
