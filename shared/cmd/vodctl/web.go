package main

import (
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/console"
)

func consoleCommand(a *tool) *cobra.Command {
	var listen, library string
	cmd := &cobra.Command{
		Use: "console", Short: "Look at the library, its plans and queues on web pages, on this machine", Args: cobra.NoArgs,
		Long: `Serve web pages on which the library is looked at, plans are compared and approved, rules
and policies are tried, and dead letters are mended, until it is stopped by Ctrl-C. It does
what the credentials of this environment may do, and records are for their identity.

It answers on this machine alone. The address that it prints holds a token: whoever has it
may do what you may.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			app, err := a.boot("STATE")
			if err != nil {
				return err
			}
			defer app.VOD.Close()
			s, err := console.New(console.Options{App: app, Local: strings.TrimSuffix(a.env("LOCAL_CLOCK_URL"), "/_local/clock"), Library: library})
			if err != nil {
				return err
			}
			l, err := console.Listen(ctx, listen)
			if err != nil {
				return err
			}
			if err := a.say("console: %s\nstop with ctrl-C\n", s.URL(l)); err != nil {
				return err
			}
			a.again = "vodctl console"
			return s.Serve(ctx, l)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "the address, of this machine's loopback")
	cmd.Flags().StringVar(&library, "library", "", "a file of vodctl snapshot that the library's pages look at (default: the account's library)")
	return cmd
}
