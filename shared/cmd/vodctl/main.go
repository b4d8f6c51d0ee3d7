// Command vodctl is the operator's tool: it shows what the functions would do
// and did, approves plans, and takes changes back. Results go to standard
// output, everything else to standard error; it ends 0 when done, 1 when
// something failed, 2 when it was misused. Whatever removes or writes only lists
// unless --yes is given.
//
// Each group of commands has a file of its name: plan list and its columns are in plan.go.
// print_test.go holds the columns of every command, help/ the pages of vodctl help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"vodcurator/shared/boot"
	"vodcurator/shared/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	typing := term.IsTerminal(int(os.Stdin.Fd()))
	code := run(ctx, os.Args[1:], tool{in: os.Stdin, typing: typing, out: os.Stdout, err: os.Stderr, load: boot.FromEnvironment, env: boot.Getenv})
	stop()
	os.Exit(code)
}

// tool is what every command works with; each command group is a file with a
// function from tool to its cobra command, named in run.
type tool struct {
	in       io.Reader
	typing   bool // in is a terminal, with a person at it
	out, err io.Writer
	// load wires the clients from the environment, naming the variables that
	// must be set. A command calls it when it runs, so that --help needs nothing.
	load func(log *slog.Logger, required ...string) (*boot.App, error)
	// env is one variable of the environment, for what a manifest says of it.
	env func(name string) string

	bar     io.Writer // where progress is shown: err as it is, since it rewrites its line
	format  report.Format
	verbose bool
	started bool // a command runs: what fails now is no misuse
}

// errUsage marks a misuse: the tool ends with 2.
var errUsage = errors.New("misused")

// groups are the command groups, in the order of the help text.
var groups = []func(*tool) *cobra.Command{
	rulesCommand, retagCommand,
	policyCommand, planCommand, approveCommand, haltCommand, resumeCommand, pendingCommand, ledgerCommand, takedownCommand, lastDayCommand, snapshotCommand, usageCommand,
	queueCommand, dlqCommand, undoCommand, stateCommand, setupCommand,
}

func run(ctx context.Context, args []string, a tool) int {
	root := &cobra.Command{
		Use:           "vodctl",
		Short:         "Curate an ApsaraVideo VOD library: rules, queues, plans, purges",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVarP((*string)(&a.format), "output", "o", string(report.AsTable), "table, json, or csv for what comes in rows")
	root.PersistentFlags().BoolVarP(&a.verbose, "verbose", "v", false, "log every call to standard error")
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		a.started = true
		return errors.Join(a.checkFormat(cmd), noneEmpty(cmd, args))
	}
	// Nothing passes to the terminal that commands it, whatever a command forgets.
	out, errs := report.NewScreen(a.out), report.NewScreen(a.err)
	defer func() { _, _ = out.Close(), errs.Close() }()
	a.bar, a.out, a.err = a.err, out, errs
	for _, group := range groups {
		root.AddCommand(group(&a))
	}
	root.AddCommand(topics()...)
	exemplify(root)
	named(root)
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintf(a.err, "vodctl: %v\n", err) // of several lines, where several things failed
	if !a.started || errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

// named has every group refuse a command that it does not have: cobra answers one with the
// group's help and calls that success.
func named(group *cobra.Command) {
	group.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return fmt.Errorf("unknown command %q for %q: see %[2]s --help", args[0], cmd.CommandPath())
	}
	group.DisableFlagsInUseLine = true
	group.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, sub := range group.Commands() {
		if sub.HasSubCommands() {
			named(sub)
		}
	}
}

// noneEmpty refuses what is there and says nothing, as "$PLAN" does in a script that did not set
// it: left out, an argument is the latest plan, and a filter is everything.
func noneEmpty(cmd *cobra.Command, args []string) error {
	var faults []error
	refuse := func(name string) { faults = append(faults, fmt.Errorf("%w: %s is empty", errUsage, name)) }
	use, _, _ := strings.Cut(cmd.Use, " --")
	names := strings.Fields(use)[1:] // what stands behind the command: ID..., [FILE|-]
	for i, arg := range args {
		name := "an argument"
		if len(names) > 0 {
			name = strings.Trim(names[min(i, len(names)-1)], "[].|-")
		}
		if strings.TrimSpace(arg) == "" {
			refuse(name)
		}
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if strings.TrimSpace(strings.Trim(f.Value.String(), "[]")) == "" {
			refuse("--" + f.Name)
		}
	})
	return errors.Join(faults...)
}

// one takes one argument, out of the command's ValidArgs.
func one(cmd *cobra.Command, args []string) error {
	if err := cobra.ExactArgs(1)(cmd, args); err != nil {
		return err
	}
	if !slices.Contains(cmd.ValidArgs, args[0]) {
		return fmt.Errorf("%q is none of: %s", args[0], strings.Join(cmd.ValidArgs, ", "))
	}
	return nil
}

// boot wires the clients for a command that needs them.
func (a *tool) boot(required ...string) (*boot.App, error) {
	level := slog.LevelWarn
	if a.verbose {
		level = slog.LevelDebug
	}
	app, err := a.load(report.NewLog(a.err, level), required...)
	if err != nil {
		return nil, fmt.Errorf("%w\nvodctl help variables says what each variable is and looks like", err)
	}
	return app, nil
}
