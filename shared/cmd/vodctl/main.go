// Command vodctl is the operator's tool: it shows what the functions would do
// and did, approves plans, and takes changes back. Results go to standard
// output, everything else to standard error. Whatever removes or writes only lists
// unless --yes is given. The codes with which it ends are those of exits, for every command.
//
// Each group of commands has a file of its name: plan list and its columns are in plan.go.
// print_test.go holds the columns of every command, help/ the pages of vodctl help.
package main

import (
	"cmp"
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
	"time"
	_ "time/tzdata" // --tz has to work on a bare machine

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"vodcurator/shared/boot"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() { // the second interrupt ends it at once
		<-ctx.Done()
		stop()
	}()
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
	fresh   bool // also where STATE holds nothing yet
	zone    *time.Location
	again   string // how to go on after an interrupt; empty: by the same command
}

// errUsage marks a misuse: the tool ends with 2.
var errUsage = errors.New("misused")

// errGuard marks what a guard stopped: the tool ends with 4.
var errGuard = errors.New("stopped by a guard")

// exits are the codes with which every command ends.
const exits = `Ends 0 when it is done, or when there is nothing to do or to list; 1 when something failed,
or when what was named is not there; 2 when it was misused; 4 when a guard stopped it: a
halt, a hold, or a plan over its guards.`

// code is the one with which the tool ends for an error.
func (a *tool) code(err error) int {
	switch {
	case err == nil:
		return 0
	case !a.started || errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errGuard), errors.Is(err, removal.ErrHalted), errors.Is(err, video.ErrHeld):
		return 4
	}
	return 1
}

// groups are the command groups, in the order of the help text.
var groups = []func(*tool) *cobra.Command{
	statusCommand, historyCommand,
	rulesCommand, retagCommand,
	policyCommand, planCommand, approveCommand, haltCommand, resumeCommand, pendingCommand, ledgerCommand, takedownCommand, lastDayCommand, usageCommand,
	libraryCommand, mediaCommand, snapshotCommand,
	editCommand, tagsCommand, queueCommand, dlqCommand, undoCommand, stateCommand, setupCommand, doctorCommand, metricsCommand,
}

func run(ctx context.Context, args []string, a tool) int {
	root := &cobra.Command{
		Use:           "vodctl",
		Short:         "Curate an ApsaraVideo VOD library: rules, queues, plans, purges",
		Long:          "Curate an ApsaraVideo VOD library: rules, queues, plans, purges.\n\n" + exits,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVarP((*string)(&a.format), "output", "o", string(report.AsTable), "table, json, or csv for what comes in rows")
	root.PersistentFlags().BoolVarP(&a.verbose, "verbose", "v", false, "log every call to standard error")
	root.PersistentFlags().BoolVar(&a.fresh, "new", false, "also where STATE holds nothing yet, which is otherwise taken for a mistyped STATE")
	zone := root.PersistentFlags().String("tz", "UTC", "the zone in which times are shown, such as Asia/Shanghai or Local; days are typed in UTC")
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) (err error) {
		a.started = true
		if a.zone, err = time.LoadLocation(*zone); err != nil {
			return fmt.Errorf("%w: --tz %q is no zone such as Asia/Shanghai, UTC or Local", errUsage, *zone)
		}
		return errors.Join(a.checkFormat(cmd), noneEmpty(cmd, args))
	}
	// Nothing passes to the terminal that commands it, whatever a command forgets.
	out, errs := report.NewScreen(a.out), report.NewScreen(a.err)
	defer func() { _, _ = out.Close(), errs.Close() }()
	out.Wide = wide(a.out)
	a.bar, a.out, a.err = a.err, out, errs
	for _, group := range groups {
		root.AddCommand(group(&a))
	}
	root.AddCommand(topics()...)
	exemplify(root)
	named(root)
	a.completionsOf(root)
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("interrupted: go on by %s\n%w", cmp.Or(a.again, "the same command"), err)
	}
	if err != nil {
		_, _ = fmt.Fprintf(a.err, "vodctl: %v\n", err) // of several lines, where several things failed
	}
	return a.code(err)
}

// wide is how many columns a terminal has; 0: it is none.
func wide(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return columns
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
	if cmd.Name() == cobra.ShellCompRequestCmd || cmd.Name() == cobra.ShellCompNoDescRequestCmd {
		return nil // what is completed may be empty yet
	}
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

// boot wires the clients for a command that needs them, and refuses a STATE that is not
// there.
func (a *tool) boot(required ...string) (*boot.App, error) {
	app, err := a.wire(required...)
	if err != nil {
		return nil, err
	}
	if insight.Absent(app) && !a.fresh {
		return nil, unused(app)
	}
	return app, nil
}

// wire wires the clients.
func (a *tool) wire(required ...string) (*boot.App, error) {
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

// unused says that STATE was never used.
func unused(app *boot.App) error {
	return fmt.Errorf("STATE is %s, which holds nothing, and no function writes there: set STATE to theirs, or say --new", app.Config.State)
}

// used refuses a STATE that was never used: it is mistyped, or everything is new.
func (a *tool) used(ctx context.Context, app *boot.App) error {
	if a.fresh || app.State == nil {
		return nil
	}
	empty, err := state.Empty(ctx, app.State)
	if err == nil && empty {
		err = unused(app)
	}
	return err
}

// now is the time by which everything is decided and dated: on a local cloud that of its
// library, which people move.
func now(ctx context.Context, app *boot.App) (time.Time, error) {
	at, err := app.Clock(ctx)
	return at.UTC(), err
}
