// Command local runs vodcurator on one machine with no account: Alibaba Cloud's
// VOD, MNS, OSS and Function Compute on loopback, the functions of s.yaml as real
// processes, and a story that shows them at work on real media.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // s.yaml has timers in Shanghai's time; a bare machine has no zone data

	"github.com/spf13/cobra"

	"vodcurator/shared/console"
	"vodcurator/shared/localcloud"
	"vodcurator/shared/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are the flags.
type options struct {
	once, story bool
	open        bool
	envFile     string
	manifest    string
	seed        uint64
	kill        []string
	verbose     bool
	state       string
	policy      string
	rules       string
	faults      []string
	callback    string
	readings    []string
	tls         bool
	ports       string
	listen      struct{ vod, mns, oss, functions string }
	console     string
	class       time.Duration // of a change of storage class
	restore     time.Duration

	patience time.Duration     // how long a statement may take to come true
	lay      map[string]string // variables laid over the functions' environment
}

// flags are those of the program itself.
func (o *options) flags(root *cobra.Command) {
	flags := root.Flags()
	flags.BoolVar(&o.once, "once", false, "play the story and end: 0 when every statement held, 1 when not")
	flags.BoolVar(&o.story, "story", false, "play the story, then stay up")
	flags.StringVar(&o.envFile, "env-file", envDefault, "write the endpoints as KEY=VALUE lines here once everything answers")
	flags.StringVar(&o.manifest, "manifest", "s.yaml", "the functions to run; one outside this repository brings its own, already built; where there is no s.yaml, none run")
	flags.Uint64Var(&o.seed, "seed", 0, "seed of every chance; 0 takes one from the clock and prints it")
	flags.StringSliceVar(&o.kill, "kill", nil, "kill a process of these functions in the middle of the story: metadata, tier (purge is killed in every story)")
	flags.StringVar(&o.state, "state", "", "keep everything in this folder, over restarts and kills; default: memory")
	flags.StringVar(&o.policy, "policy", "", "the retention policy of the functions; default: POLICY_FILE, else the story's")
	flags.StringVar(&o.rules, "rules", "", "the rules of the functions; default: RULES_FILE, else the built-in ones")
	flags.StringArrayVar(&o.faults, "faults", nil, "what goes wrong: a rule such as 'vod * throttle p=0.1', or @FILE with a rule a line; may be given again")
	flags.BoolVar(&o.open, "open", true, "take invocations of functions without a signature; --open=false refuses them (a signature that is sent is always checked)")
	flags.StringVar(&o.callback, "callback", "mns", "how VOD tells of events: mns, http or none")
	flags.StringVar(&o.listen.vod, "vod", "127.0.0.1:0", "address of VOD; loopback only")
	flags.StringVar(&o.listen.mns, "mns", "127.0.0.1:0", "address of the queues")
	flags.StringVar(&o.listen.oss, "oss", "127.0.0.1:0", "address of the object store")
	flags.StringVar(&o.listen.functions, "functions", "127.0.0.1:0", "address of the functions and of /_local/")
	flags.StringVar(&o.console, "console", anyPort, "address of the web pages, while the cloud stays up")
	flags.StringVar(&o.ports, "ports", "", "fixed ports in a row from this one, such as 9000: vod 9000, mns 9001, oss 9002, functions 9003")
	flags.DurationVar(&o.class, "class-delay", time.Minute, "how long a change of storage class takes on the library's clock")
	flags.DurationVar(&o.restore, "restore-delay", time.Hour, "likewise a restore from Archive; one from Cold Archive takes 1 (Expedited), 5 (Standard) or 12 (Bulk) times as long")
	flags.BoolVar(&o.tls, "tls", false, "answer HTTPS too, on the same ports, with a certificate made at start; its path is printed and in the env file (LOCAL_CERTIFICATE)")
	flags.StringArrayVar(&o.readings, "reading", nil, "the other reading of something that the provider's documents leave open, by its `NAME` in local help vod, local help mns or local help fc; may be given again")
	root.PersistentFlags().BoolVarP(&o.verbose, "verbose", "v", false, "the functions' logs to standard error")
}

// listeners are the addresses of the services. A port in --ports gives each the next one.
func (o *options) listeners(l *localcloud.Options) error {
	l.Listen.VOD, l.Listen.MNS, l.Listen.OSS, l.Listen.FC = o.listen.vod, o.listen.mns, o.listen.oss, o.listen.functions
	if o.ports == "" {
		return nil
	}
	first, err := strconv.Atoi(strings.TrimSuffix(o.ports, "+"))
	if err != nil || first < 1 || first > 65532 {
		return fmt.Errorf("--ports %q: the first of four ports, 1 to 65532, is needed", o.ports)
	}
	for i, to := range []*string{&l.Listen.VOD, &l.Listen.MNS, &l.Listen.OSS, &l.Listen.FC} {
		*to = net.JoinHostPort("127.0.0.1", strconv.Itoa(first+i))
	}
	return nil
}

// envDefault is where `local` writes its variables and `local upload` reads them.
const envDefault = ".run/local.env"

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	o := options{patience: 20 * time.Second}
	root := &cobra.Command{
		Use:           "local",
		Short:         "Alibaba Cloud's VOD, MNS, OSS and Function Compute on loopback, with the functions of s.yaml",
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := os.Stat(o.manifest); errors.Is(err, os.ErrNotExist) && !cmd.Flags().Changed("manifest") {
				o.manifest = "" // somebody else's folder: a cloud without functions
			}
			return serve(cmd.Context(), o, out, errs)
		},
	}
	o.flags(root)
	root.AddCommand(uploadCommand(out), generateCommand(out), clockCommand(out), storageCommand(out))
	root.AddCommand(helpTopics()...)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return 0
	}
	_, _ = fmt.Fprintf(errs, "local: %v\n", err)
	return 1
}

// serve starts everything, plays what was asked for, and stays up unless it was
// told to end.
func serve(ctx context.Context, o options, out, errs io.Writer) error {
	root, err := o.built(ctx, errs)
	if err != nil {
		return err
	}
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano())
	}
	dir, err := os.MkdirTemp("", "vodcurator-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	release, err := lock(o.state)
	if err != nil {
		return err
	}
	defer release()
	if o.once && o.envFile == envDefault { // that one is of a cloud that stays up, and may be running
		o.envFile = filepath.Join(dir, "local.env")
	}
	options, err := o.cloud(root, dir, errs)
	if err != nil {
		return err
	}
	started := time.Now()
	cloud, err := localcloud.Start(ctx, options)
	if err != nil {
		return err
	}
	defer cloud.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop() // the pages go before the cloud
	env := cloud.Env()
	pages, err := o.pages(ctx, env, options.Log)
	if err != nil {
		return err
	}
	if err := writeEnv(o.envFile, env); err != nil {
		return err
	}
	s := newScreen(out)
	if done, err := o.played(ctx, s, cloud, root, env); done || err != nil {
		return err
	}
	s.printf("\nthe local cloud answers after %s; its variables are in %s\n\n", report.Duration(time.Since(started)), o.envFile)
	o.addresses(s, env)
	s.printf("\n  .bin/local upload FILE   puts an MP4 or JPEG of yours in\n  .bin/local clock 90d     moves the library's clock\n\nstop with ctrl-C\n")
	return <-pages
}

// played plays the story where that was asked for; done: there is nothing to stay up for.
func (o *options) played(ctx context.Context, s *screen, cloud *localcloud.Cloud, root string, env map[string]string) (done bool, err error) {
	if !o.once && !o.story {
		return false, nil
	}
	if url := env["CONSOLE_URL"]; url != "" {
		s.printf("\nwatch it at %s\n", url)
	}
	wrong, err := play(ctx, s, cloud, root, *o)
	if err == nil && wrong > 0 {
		err = fmt.Errorf("%s did not hold (seed %d)", report.Count(wrong, "statement"), o.seed)
	}
	return o.once, err
}

// anyPort is an address of this machine with a free port.
const anyPort = "127.0.0.1:0"

// pages serves the console of the cloud until the context ends, names its first address in
// env, and returns where its end is said. With --once there is nobody to look at it.
func (o *options) pages(ctx context.Context, env map[string]string, log *slog.Logger) (ended <-chan error, err error) {
	if o.once {
		return nil, nil
	}
	all := maps.Clone(env)
	s, err := console.Open(func(name string) string { return all[name] }, all["FUNCTIONS_ENDPOINT"], log)
	if err != nil {
		return nil, err
	}
	l, err := console.Listen(ctx, cmp.Or(o.console, anyPort))
	if err != nil {
		return nil, err
	}
	env["CONSOLE_URL"] = s.URL(l)
	end := make(chan error, 1)
	go func() { end <- s.Serve(ctx, l) }()
	return end, nil
}

// addresses prints where everything is.
func (o *options) addresses(s *screen, env map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if strings.HasSuffix(name, "_URL") || strings.HasSuffix(name, "_ENDPOINT") || name == "LOCAL_CERTIFICATE" {
			s.printf("  %-20s %s\n", name, env[name])
		}
	}
}

// built is the root of this repository, whose programs are built by then; "" outside it.
func (o *options) built(ctx context.Context, errs io.Writer) (string, error) {
	var root string
	var err error
	if o.manifest != "" {
		if root, err = repository(filepath.Dir(o.manifest)); err != nil {
			return "", err
		}
	}
	if root == "" {
		if o.once || o.story {
			return "", fmt.Errorf("the story needs the functions of this repository, and %q is not in it: leave --once and --story out", o.manifest)
		}
		return "", nil
	}
	return root, build(ctx, root, false, errs)
}

// cloud are the options of the local cloud; dir is gone when the program ends.
func (o *options) cloud(root, dir string, errs io.Writer) (localcloud.Options, error) {
	level := slog.LevelError
	if o.verbose {
		level = slog.LevelDebug
	}
	faults, err := faultRules(o.faults)
	if err != nil {
		return localcloud.Options{}, err
	}
	out := localcloud.Options{
		Manifest: o.manifest, State: o.state, Seed: o.seed, Callback: o.callback, Faults: faults, Readings: o.readings, TLS: o.tls,
		Env: map[string]string{"TAGGING_MODE": "write"}, Log: report.NewLog(errs, level),
		Tune: func(s *localcloud.Services) {
			s.FC.Signed, s.VOD.ClassDelay, s.VOD.RestoreDelay = !o.open, max(0, o.class), max(0, o.restore)
		},
	}
	if root != "" {
		// The built-in policy stops a run that touches more than a tenth of a library;
		// of the story's small one every quarter is more than that.
		name := filepath.Join(root, "testdata", "policies", "story.yaml")
		if o.once || o.story { // which writes another into it
			text, err := os.ReadFile(name)
			name = filepath.Join(dir, "policy.yaml")
			if err := errors.Join(err, os.WriteFile(name, text, 0o600)); err != nil {
				return out, err
			}
			out.Env["RATE_SHARE"] = "0.2" // s.yaml's shares are for many instances and a big library: a sweep would wait for seconds
		}
		out.Env["POLICY_FILE"] = name
	}
	if err := o.files(out.Env); err != nil {
		return out, err
	}
	if o.state == "" {
		out.Env["STATE"] = "file:" + filepath.Join(dir, "state")
	}
	maps.Copy(out.Env, o.lay)
	return out, o.listeners(&out)
}

// files lays the owner's policy and rules over the environment of the functions, which run in
// folders of their own. The story has its own, unless flags name others. What is no file here
// is a key under STATE.
func (o *options) files(env map[string]string) error {
	for name, flag := range map[string]string{"POLICY_FILE": o.policy, "RULES_FILE": o.rules} {
		file := flag
		if file == "" && !o.once && !o.story {
			file = os.Getenv(name)
		}
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err == nil {
			if file, err = filepath.Abs(file); err != nil {
				return err
			}
		} else if flag != "" {
			return err
		}
		env[name] = file
	}
	return nil
}

// repository is the root of the checkout that a manifest's folder is in; "" when it is in
// none, and brings its own functions, already built.
func repository(folder string) (string, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module vodcurator\n") {
			return folder, nil
		}
		up := filepath.Dir(folder)
		if up == folder {
			return "", nil
		}
		folder = up
	}
}

// faultRules gathers the rules of the flags, those of files included.
func faultRules(given []string) (string, error) {
	var rules []string
	for _, rule := range given {
		if file, ok := strings.CutPrefix(rule, "@"); ok {
			text, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			rule = string(text)
		}
		rules = append(rules, rule)
	}
	return strings.Join(rules, "\n"), nil
}

// build makes the programs that are not built yet, so that `go run` of this one
// is enough.
func build(ctx context.Context, root string, again bool, errs io.Writer) error {
	mains, err := filepath.Glob(filepath.Join(root, "functions", "*", "main.go"))
	if err != nil {
		return err
	}
	outputs := map[string]string{"shared/cmd/vodctl": filepath.Join(".bin", "vodctl")}
	for _, file := range mains {
		name := filepath.Base(filepath.Dir(file))
		outputs["functions/"+name] = filepath.Join("functions", name, "target", "main")
	}
	for _, from := range slices.Sorted(maps.Keys(outputs)) {
		if _, err := os.Stat(filepath.Join(root, outputs[from])); err == nil && !again {
			continue
		}
		_, _ = fmt.Fprintf(errs, "building ./%s\n", from)
		cmd, err := localcloud.BuildCommand(ctx, root, from, outputs[from])
		if err != nil {
			return err
		}
		cmd.Stderr = errs
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build %s: %w", from, err)
		}
	}
	return nil
}

// writeEnv writes the variables for other programs. They hold the local cloud's
// own keys, which open nothing else; the file is still for its owner alone.
func writeEnv(file string, env map[string]string) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&b, "%s=%s\n", name, env[name])
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	// Whoever waits for the file must never see half of it.
	draft := file + ".draft"
	if err := os.WriteFile(draft, []byte(b.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(draft, file)
}

func readEnv(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("no local cloud is known here, start one with make up: %w", err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			env[name] = value
		}
	}
	return env, nil
}
