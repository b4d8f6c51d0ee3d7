// Package localcloud is Alibaba Cloud for one machine: VOD, the message service,
// Function Compute and the little of OSS and STS that they need, in one process, on
// loopback, over the real protocols, with signatures checked. Official clients and
// function binaries run against it unmodified.
//
// There are two clocks. The transport's (signatures, credentials, visibility of
// messages, callbacks' time stamps) is the real one; the library's (creation, event
// and trigger times, expiry) can be moved with Advance.
//
// It is a library, Start and RunT, and answers people and tools under /_local/ on
// the functions' address. It refuses to listen anywhere but on loopback, and it
// holds no real account's keys: the keys it hands out are made at start.
//
// Another module may use it in its own tests: testdata/example is one, with a replace
// line, the provider's client and nothing else. Reset puts a cloud back between tests in
// about a millisecond, so that one may serve them all.
//
// What each service does and never will do stands in the comments of the packages
// below it.
package localcloud

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"vodcurator/shared/localcloud/fakefc"
	"vodcurator/shared/localcloud/fakemns"
	"vodcurator/shared/localcloud/fakeoss"
	"vodcurator/shared/localcloud/fakeram"
	"vodcurator/shared/localcloud/fakevod"
)

// Options configures a Cloud. Its zero value is a cloud without functions, empty,
// on free ports, at today's date.
type Options struct {
	// Manifest is the path of an s.yaml; "" for no functions. Their binaries must be
	// built: one that is not is told at its first invocation.
	Manifest string
	// Root is the folder that holds functions/<name>/ram-policy.json; default: the
	// manifest's.
	Root string
	// Env is laid over what Env answers, and so over the functions' environment.
	Env map[string]string

	Region  string    // default cn-shanghai
	Account string    // default 1234567890123456
	Start   time.Time // of the library's clock; default: now
	State   string    // folder that survives restarts; default: memory, gone with Close
	Seed    uint64    // of everything that chance decides; 0: 1
	Log     *slog.Logger

	// Listen says where each service listens; default 127.0.0.1:0.
	Listen struct{ VOD, MNS, OSS, FC string }
	// Pace scales the functions' batch windows and the waits between retries: 1, the
	// default, is the provider's. RunT's default is 0.01.
	Pace float64
	// Callback says how VOD tells of events: "mns" into the queue that NOTICE_QUEUE
	// names (default), "http" to CALLBACK_URL, "none".
	Callback string
	// Faults are rules of what goes wrong, a line each, as ParseFaults reads them.
	// RunT's default is MildFaults; "none" is none.
	Faults string
	// Readings turns on switches for what the provider's documents leave open, by the
	// names that the function Readings lists.
	Readings []string
	// TLS makes every address answer HTTPS beside HTTP, with a certificate that is made
	// at start and lies where the variable LOCAL_CERTIFICATE of Env says.
	TLS bool
	// Tune has the last word on the options of the services; nil leaves them.
	Tune func(*Services)
}

// Services are the options of each service, for Options.Tune.
type Services struct {
	VOD fakevod.Options
	MNS fakemns.Options
	OSS fakeoss.Options
	FC  fakefc.Options
}

// Cloud is a running local cloud. Its services may be used directly: that is how a
// test looks at their state and sets it.
type Cloud struct {
	VOD  *fakevod.Server
	MNS  *fakemns.Server
	OSS  *fakeoss.Server
	FC   *fakefc.Server
	Keys *fakeram.Keys // its access keys: give one a policy, take one away

	opt     Options
	log     *slog.Logger
	clock   *clock
	faults  *faults
	env     map[string]string
	servers []*http.Server
	serving sync.WaitGroup
	temp    string // folder to remove at Close
	secret  string // of the certificate; likewise
	closing sync.Once
	ready   atomic.Bool // Start has ended

	snapMu    sync.Mutex
	snapshots map[string]*snapshot
}

// stateBuckets are there for those who keep STATE in the object store: the one that
// s.yaml names, which holds the account's id, and one for tests.
func stateBuckets(account string) []string {
	return []string{"vodcurator-" + account, "vodcurator-state"}
}

// httpTrigger is the path of a manifest's HTTP trigger, to which VOD's callbacks go.
func httpTrigger(manifest string) string {
	functions, _ := fakefc.ReadManifest(manifest, fakefc.Variables{}, fakefc.Doubts{WideLimits: true}) // what is wrong with it is told later
	for _, f := range functions {
		for _, t := range f.Triggers {
			if t.Type == "http" {
				return "/http/" + f.Name + "/" + t.Name + "/"
			}
		}
	}
	return "/http/callback/vod/"
}

// policyOf picks the policy of a role that has two: without a metadata queue autotag
// writes itself, and has the right to.
func policyOf(f fakefc.Function, env map[string]string) string {
	if f.Name == "autotag" && env["METADATA_QUEUE"] == "" {
		return "ram-policy-direct.json"
	}
	return ""
}

// clock is the library's.
type clock struct {
	mu    sync.Mutex
	start time.Time // what it showed …
	real  time.Time // … at this moment
	file  string    // where its lead is kept, "" nowhere
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start.Add(time.Since(c.real))
}

func (c *clock) move(d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.start = c.start.Add(d)
	if c.file == "" {
		return nil
	}
	text, err := json.Marshal(map[string]string{"lead": c.start.Sub(c.real).String()})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.file+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil { // it may be answered to whoever moved it
		return err
	}
	return os.Rename(c.file+".new", c.file)
}

func newClock(start time.Time, state string) (*clock, error) {
	c := &clock{start: start, real: time.Now()}
	if state != "" {
		c.file = filepath.Join(state, "clock.json")
	}
	if !start.IsZero() {
		return c, nil
	}
	c.start = c.real
	if c.file == "" {
		return c, nil
	}
	text, err := os.ReadFile(c.file)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	var kept struct{ Lead string }
	if err := json.Unmarshal(text, &kept); err != nil {
		return nil, fmt.Errorf("%s: %w", c.file, err)
	}
	lead, err := time.ParseDuration(kept.Lead)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.file, err)
	}
	c.start = c.start.Add(lead)
	return c, nil
}

// Start starts a local cloud; ctx bounds the start, Close ends it. All addresses
// answer when it returns.
func Start(ctx context.Context, opt Options) (*Cloud, error) {
	c := &Cloud{opt: opt, log: opt.Log, Keys: fakeram.New(), faults: newFaults(cmp.Or(opt.Seed, 1))}
	c.opt.Region = cmp.Or(opt.Region, "cn-shanghai")
	c.opt.Account = cmp.Or(opt.Account, "1234567890123456")
	c.opt.Seed = cmp.Or(opt.Seed, 1)
	c.opt.Callback = cmp.Or(opt.Callback, "mns")
	c.opt.Pace = cmp.Or(opt.Pace, 1)
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if err := c.start(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("local cloud: %w", err)
	}
	return c, nil
}

func (c *Cloud) start(ctx context.Context) (err error) {
	if c.opt.Faults != "none" {
		rules, err := ParseFaults(c.opt.Faults)
		if err != nil {
			return fmt.Errorf("faults: %w", err)
		}
		c.SetFaults(rules...)
		c.log.Info("chance", "seed", c.opt.Seed, "faults", len(rules))
	}
	if err := c.folders(); err != nil {
		return err
	}
	if c.clock, err = newClock(c.opt.Start, c.opt.State); err != nil {
		return err
	}
	listeners, err := c.listen(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			for _, l := range listeners {
				_ = l.Close()
			}
		}
	}()
	url := func(service string) string { return "http://" + listeners[service].Addr().String() }
	c.variables(url)
	s, err := c.services(url)
	if err != nil {
		return err
	}
	if err := c.open(s); err != nil {
		return err
	}
	if err := c.serve(listeners); err != nil {
		return err
	}
	c.FC.Start(url("FC"), nil)
	if err := c.Snapshot(initial); err != nil {
		return err
	}
	c.ready.Store(true)
	return nil
}

// variables sets what Env answers, the account's key among it.
func (c *Cloud) variables(url func(service string) string) {
	owner := fakeram.Key{ID: "LTAI" + word(10), Secret: word(15), Account: c.opt.Account}
	c.Keys.Add(owner)
	c.env = map[string]string{
		"VOD_ENDPOINT": url("VOD"), "MNS_ENDPOINT": url("MNS"), "OSS_ENDPOINT": url("OSS"), "FUNCTIONS_ENDPOINT": url("FC"),
		"ALIBABA_CLOUD_REGION": c.opt.Region, "ALIBABA_CLOUD_ACCOUNT_ID": c.opt.Account,
		"ALIBABA_CLOUD_ACCESS_KEY_ID": owner.ID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": owner.Secret,
		"NOTICE_QUEUE": "vodcurator-notices", "METADATA_QUEUE": "vodcurator-metadata", "METADATA_BULK_QUEUE": "vodcurator-bulk", "DEAD_LETTER_QUEUE": "vodcurator-dead",
		"CALLBACK_KEYS": word(16), "CALLBACK_URL": url("FC") + httpTrigger(c.opt.Manifest),
		"STATE": "file:" + filepath.Join(c.opt.State, "functions"),
	}
	c.env["AUTOTAG_URL"] = c.env["CALLBACK_URL"]
	c.env["LOCAL_CLOCK_URL"] = url("FC") + "/_local/clock" // of the library; functions decide by it
	maps.Copy(c.env, c.opt.Env)
}

// services are the options of each service, with the functions of the manifest.
func (c *Cloud) services(url func(service string) string) (Services, error) {
	root := cmp.Or(c.opt.Root, filepath.Dir(c.opt.Manifest))
	s := Services{
		VOD: fakevod.Options{
			Keys: c.Keys, Region: c.opt.Region, Account: c.opt.Account, Now: c.Now, Seed: c.opt.Seed, Log: c.log,
			OSSEndpoint: url("OSS"), Callback: c.callback(), RateScale: 1, Dir: c.kept("vod"), Fault: c.faults.hook("vod"),
			Enqueue: func(queue string, body []byte) error {
				_, err := c.MNS.Enqueue(queue, string(body))
				return err
			},
		},
		OSS: fakeoss.Options{
			Keys: c.Keys, Now: c.Now, Region: c.opt.Region, Dir: c.kept("oss"), Buckets: stateBuckets(c.opt.Account), Fault: c.faults.hook("oss"),
			Arrived: func(bucket, key string) { c.VOD.Arrived(bucket, key) },
		},
		MNS: fakemns.Options{Keys: c.Keys, Region: c.opt.Region, Account: c.opt.Account, Fault: c.faults.hook("mns"), Log: c.log},
		FC: fakefc.Options{
			Keys: c.Keys, Region: c.opt.Region, Account: c.opt.Account, Policies: filepath.Join(root, "functions"),
			Policy: policyOf,
			Env:    c.env, Now: c.Now, Pace: c.opt.Pace, Fault: c.faults.hook("functions"), Log: c.log,
		},
	}
	if err := s.read(c.opt.Readings); err != nil {
		return s, err
	}
	if c.opt.Tune != nil {
		c.opt.Tune(&s)
	}
	if c.opt.Manifest == "" {
		return s, nil
	}
	var err error
	s.FC.Functions, err = fakefc.ReadManifest(c.opt.Manifest, fakefc.Variables{Account: c.opt.Account, Env: func(name string) string { return c.env[name] }}, s.FC.Doubts)
	return s, err
}

// open makes the services, with the queues and buckets that there are from the start.
func (c *Cloud) open(s Services) (err error) {
	c.MNS = fakemns.New(s.MNS)
	if dir := c.kept("mns"); dir != "" {
		if err := c.MNS.Open(dir); err != nil {
			return err
		}
	}
	if c.OSS, err = fakeoss.New(s.OSS); err != nil {
		return err
	}
	s.VOD.Objects = c.OSS
	if c.VOD, err = fakevod.New(s.VOD); err != nil {
		return err
	}
	if err := c.OSS.CreateBucket(c.VOD.Bucket(), false); err != nil {
		return err
	}
	queues := []string{c.env["NOTICE_QUEUE"], c.env["METADATA_QUEUE"], c.env["METADATA_BULK_QUEUE"], c.env["DEAD_LETTER_QUEUE"]}
	for _, f := range s.FC.Functions {
		for _, t := range f.Triggers {
			queues = append(queues, t.Queue, t.DeadLetters)
		}
	}
	for _, name := range queues {
		if name != "" {
			c.MNS.Create(name)
		}
	}
	for _, name := range queues[1:4] { // as an account that was set up has them
		if name != "" {
			if err := c.MNS.Configure(name, func(a *fakemns.Attributes) { a.Retention = 7 * 24 * time.Hour }); err != nil {
				return err
			}
		}
	}
	s.FC.Queues = c.MNS
	c.FC, err = fakefc.New(s.FC)
	return err
}

// serve answers on the addresses, by HTTPS too when that was asked for.
func (c *Cloud) serve(listeners map[string]net.Listener) error {
	var config *tls.Config
	if c.opt.TLS {
		var err error
		if c.secret, err = os.MkdirTemp("", "localcloud-tls"); err != nil {
			return err
		}
		file := filepath.Join(c.secret, "certificate.pem")
		if config, err = certificate(file); err != nil {
			return err
		}
		c.env["LOCAL_CERTIFICATE"] = file
	}
	for service, handler := range map[string]http.Handler{
		"VOD": c.VOD, "MNS": c.MNS, "OSS": c.OSS, "FC": c.front(),
	} {
		faces := []net.Listener{listeners[service]}
		if config != nil {
			plain, secret := split(listeners[service])
			faces = []net.Listener{plain, tls.NewListener(secret, config)}
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
		if config != nil { // a client that does not trust the certificate says so itself
			server.ErrorLog = log.New(io.Discard, "", 0)
		}
		c.servers = append(c.servers, server)
		for _, l := range faces {
			c.serving.Go(func() { _ = server.Serve(l) })
		}
	}
	return nil
}

// kept is the folder of a service's state, "" when nothing is to survive.
func (c *Cloud) kept(service string) string {
	if c.temp != "" {
		return ""
	}
	return filepath.Join(c.opt.State, service)
}

// callback is where VOD tells of events at the start.
func (c *Cloud) callback() *fakevod.Callback {
	switch c.opt.Callback {
	case "mns":
		return &fakevod.Callback{
			CallbackType: "MNS", EventTypeList: "ALL", MnsQueueName: c.env["NOTICE_QUEUE"],
			MnsEndpoint: "http://" + c.opt.Account + ".mns." + c.opt.Region + ".aliyuncs.com/",
		}
	case "http":
		key, _, _ := strings.Cut(c.env["CALLBACK_KEYS"], ",")
		return &fakevod.Callback{
			CallbackType: "HTTP", EventTypeList: "ALL", CallbackURL: c.env["CALLBACK_URL"], AuthSwitch: "on", AuthKey: key,
		}
	}
	return nil
}

func (c *Cloud) folders() (err error) {
	if c.opt.State == "" {
		if c.temp, err = os.MkdirTemp("", "localcloud"); err != nil {
			return err
		}
		c.opt.State = c.temp
	}
	if c.opt.State, err = filepath.Abs(c.opt.State); err != nil {
		return err
	}
	return os.MkdirAll(filepath.Join(c.opt.State, "functions"), 0o700)
}

// listen opens the four addresses and says which of them is taken.
func (c *Cloud) listen(ctx context.Context) (map[string]net.Listener, error) {
	out := map[string]net.Listener{}
	var errs []error
	for service, addr := range map[string]string{
		"VOD": c.opt.Listen.VOD, "MNS": c.opt.Listen.MNS, "OSS": c.opt.Listen.OSS, "FC": c.opt.Listen.FC,
	} {
		addr = cmp.Or(addr, "127.0.0.1:0")
		host, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			errs = append(errs, fmt.Errorf("%s: %q is not a loopback address with a port", service, addr))
			continue
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", service, err))
			continue
		}
		out[service] = l
	}
	if len(errs) > 0 {
		for _, l := range out {
			_ = l.Close()
		}
		return nil, errors.Join(errs...)
	}
	return out, nil
}

// Env answers the variables by which programs find the cloud: endpoints, keys,
// queue names, callback, state.
func (c *Cloud) Env() map[string]string { return maps.Clone(c.env) }

// Now is the library's clock.
func (c *Cloud) Now() time.Time { return c.clock.now() }

// Advance moves the library's clock and fires the timers that came due, each once,
// one after the other in the order of their planned times. It answers what ran.
func (c *Cloud) Advance(d time.Duration) []fakefc.Invocation {
	if err := c.clock.move(d); err != nil {
		c.log.Error("clock", "error", err.Error())
	}
	c.VOD.CatchUp()
	return c.FC.Tick(context.Background(), c.Now())
}

// Close stops the functions and closes the addresses. It may be called twice.
func (c *Cloud) Close() {
	c.closing.Do(func() {
		if c.FC != nil {
			c.FC.Close() // first: their last words still reach the services
		}
		if c.VOD != nil {
			if err := c.VOD.Close(); err != nil {
				c.log.Error("closing the library", "error", err.Error())
			}
		}
		if c.MNS != nil {
			c.MNS.Close()
		}
		for _, s := range c.servers {
			_ = s.Close()
		}
		c.serving.Wait()
		for _, dir := range []string{c.temp, c.secret} {
			if dir != "" {
				_ = os.RemoveAll(dir)
			}
		}
	})
}

// T is what RunT needs of a test.
type T interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// MildFaults are what RunT adds unless it is told otherwise: the little things that
// no client may mind.
const MildFaults = `
mns *ReceiveMessage empty p=0.05
* * slow p=0.02 delay=2ms
`

// RunT starts a cloud for a test, at a hundredth of the provider's waits unless
// Pace says otherwise, with MildFaults unless Faults does, and ends it with the test.
func RunT(t T, opt Options) *Cloud {
	t.Helper()
	opt.Pace = cmp.Or(opt.Pace, 0.01)
	opt.Faults = cmp.Or(opt.Faults, MildFaults)
	c, err := Start(context.Background(), opt)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(c.Close)
	return c
}

func word(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails
	return strings.ToUpper(hex.EncodeToString(raw))
}
