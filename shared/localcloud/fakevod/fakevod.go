package fakevod

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"vodcurator/shared/localcloud/calls"
	"vodcurator/shared/localcloud/fakeram"
)

// DefaultApp is the application of everything that names no other.
const DefaultApp = "app-1000000"

// Objects is what the server needs of an object store: where uploads arrive.
type Objects interface {
	Open(bucket, key string) (io.ReadSeekCloser, error)
	Remove(bucket, key string) error
}

// Options configures a Server. The switches under "Doubtful" choose where the
// documentation is silent or contradicts itself; zero is the choice that trips a
// careless client rather than the one that spares it.
type Options struct {
	Keys    *fakeram.Keys // required
	Region  string        // default cn-shanghai
	Account string        // default 1234567890123456
	// Now is the library's clock: creation, modification, event times. Default time.Now.
	// Signatures, nonces, rates, tokens and callback signatures go by the real clock.
	Now  func() time.Time
	Seed uint64 // of ids and of the order of notifications
	Log  *slog.Logger

	Bucket      string  // where uploads go; default outin-… of the account
	OSSEndpoint string  // base URL that CreateUploadVideo hands out; default the region's public one
	Objects     Objects // nil: uploads are only taken by Upload
	// UploadTTL is how long upload credentials live; default 3,000 s.
	UploadTTL time.Duration
	// StepDelay lies between the steps of processing an upload; default none.
	StepDelay time.Duration
	// ClassDelay is how long a change of storage class takes, RestoreDelay a restore from
	// Archive before it or by itself; from Cold Archive one takes 1 (Expedited), 5 (Standard)
	// or 12 (Bulk) times as long. Both are of the library's clock, in seconds; default none.
	ClassDelay, RestoreDelay time.Duration
	// Templates are the transcode template groups by id; DefaultTemplate is there anyway.
	Templates map[string]Template

	// Enqueue puts a notification into a queue, for callbacks of type MNS.
	Enqueue func(queue string, body []byte) error
	// HTTP carries notifications; default a transport of its own.
	HTTP http.RoundTripper
	// Callback is the setting of the default application until somebody sets or deletes it.
	Callback *Callback

	// Domains are CDN domains, beside the bucket's host, whose caches may be refreshed.
	Domains []string

	// RateScale times the documented calls per second is what an operation admits;
	// 0 means 1, negative means no limit.
	RateScale float64
	// IndexLag is how far SearchMedia and GetVideoList are behind the writes.
	IndexLag time.Duration
	// ScrollLife is how long a ScrollToken holds after its last use; default 10 min.
	ScrollLife time.Duration
	Fault      calls.Hook
	// Dir keeps the library across restarts and kills; empty: memory only.
	Dir string

	Doubtful
}

// Doubtful are the choices that the documentation leaves open.
type Doubtful struct {
	EmptyIgnored             bool // an empty Title, Tags, … is as if not sent; default it clears the field
	PartialInvalid           bool // UpdateVideoInfos applies the good items before it refuses a bad one; default none
	UpdateAllUnknown404      bool // UpdateVideoInfos and UpdateImageInfos with only unknown ids: 404; default 200 and the list
	SourceGoneNotFound       bool // GetMezzanineInfo after DeleteMezzanines: InvalidFile.NotFound; default Status Deleted
	MezzaninesAllUnknown404  bool // DeleteMezzanines with only unknown ids: 404; default 200 and the list
	StreamsSkipUnknown       bool // DeleteStream deletes what it knows of a list; default one unknown job refuses all
	DeleteImageSkipsUnknown  bool // DeleteImage likewise
	DeleteStreamEvent        bool // DeleteStream sends DeleteMediaComplete too
	ListStartInclusive       bool // GetVideoList: StartTime is inclusive; default exclusive, so that spans tile
	EmptyListNotFound        bool // GetVideoList without a hit: 404; default an empty list
	PastWindowEmpty          bool // SearchMedia past 5,000 records without a token: empty page; default InvalidParameter
	ScrollJump               int  // records that a scroll may jump; default 100 (2026), 1,200 in 2021
	BareOr                   bool // Match: "a or b" without parentheses, and binding after and; default a syntax error
	FuzzyWord                bool // Match: fuzzy fields compare whole words and tags; default "contains", without case
	CreateInBytes            bool // CreateUploadVideo counts bytes; default characters
	StringNumbers            bool // every number in an answer as a string, as old samples print them
	PlayOutputCDN            bool // GetPlayInfo's default OutputType is cdn (2021); default oss (2026)
	StringMediaContent       bool // MediaBaseChangeComplete: MediaContent as a JSON string (table); default an object (sample)
	Base64Notifications      bool // what goes into a queue is Base64; default plain JSON
	ColonMillis              bool // ImageUploadComplete has milliseconds behind a colon, as in its sample; default seconds
	StoredImageSize          bool // an image's width and height are as stored; default as shown, after its EXIF orientation
	IgnoredUnknown           bool // UpdateMediaStorageClass and RestoreMedia: IgnoredList names unknown ids, ForbiddenList what needs nothing done; default the other way round
	MinimumFromUpload        bool // the minimum time of a storage class begins with the upload; default when the class was entered
	ChangingDeletes          bool // an asset whose storage class is changing is deleted when asked; default refused
	ChangingPlays            bool // an asset whose storage class is changing plays; default only with SourceChanging, and not the source
	ArchivedPlays            bool // GetPlayInfo hands out addresses of archived streams, which lead nowhere; default 403 Forbidden.IllegalStatus
	RestoreForgotten         bool // RestoreStatus and RestoreExpiration are empty once a restore has ended; default they stay
	RestoreExtends           bool // RestoreMedia of what is restored sets a new end; default it is ignored
	StorageClassFilter       bool // Match knows StorageClass, with = and in; default a syntax error
	StringNotificationNumber bool // VideoAnalysisComplete quotes its numbers, as the sample does; default as the table types them
}

// Server is one region of VOD.
type Server struct {
	opt  Options
	log  calls.Log
	gate gate

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   busy // pipelines and deliveries under way

	mu  sync.RWMutex // guards lib, rng and what follows
	lib library
	rng *rand.Rand

	refreshes refreshes   // guarded by mu too
	alarm     *time.Timer // for what is due next; likewise
	armed     time.Time   // when that is
	reader    fakeram.Key

	scrolls scrolls
	outbox  outbox
	journal *journal // nil without Dir
	saved   map[string]*State
}

// New makes a server; it reads Dir and takes up what a kill cut short.
func New(opt Options) (*Server, error) {
	if opt.Keys == nil {
		return nil, errors.New("fakevod: Options.Keys is required")
	}
	if opt.Region == "" {
		opt.Region = "cn-shanghai"
	}
	if opt.Account == "" {
		opt.Account = "1234567890123456"
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Bucket == "" {
		opt.Bucket = "outin-" + hash32(opt.Account+opt.Region)
	}
	if opt.OSSEndpoint == "" {
		opt.OSSEndpoint = "https://oss-" + opt.Region + ".aliyuncs.com"
	}
	if opt.UploadTTL <= 0 {
		opt.UploadTTL = 3000 * time.Second
	}
	if opt.ScrollLife <= 0 {
		opt.ScrollLife = 10 * time.Minute
	}
	if opt.ScrollJump <= 0 {
		opt.ScrollJump = 100
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.HTTP == nil {
		opt.HTTP = &http.Transport{Proxy: nil, IdleConnTimeout: 5 * time.Second, MaxIdleConnsPerHost: 8}
	}
	s := &Server{opt: opt, lib: newLibrary()}
	s.lib.bill.fromUpload = opt.MinimumFromUpload
	s.addReader()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.openJournal(); err != nil {
		s.cancel()
		return nil, err
	}
	s.rng = rand.New(rand.NewPCG(opt.Seed, uint64(len(s.lib.assets))))
	s.resume()
	return s, nil
}

// Close stops what is under way, waits for it and closes the journal.
func (s *Server) Close() error {
	s.cancel()
	<-s.work.idle()
	if t, ok := s.opt.HTTP.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alarm != nil {
		s.alarm.Stop()
	}
	return s.closeJournal()
}

// Settle waits until every upload that has arrived is processed and every
// notification delivered or given up; it does not wait for the library's clock.
func (s *Server) Settle(ctx context.Context) error {
	select {
	case <-s.work.idle():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// busy counts what is under way. It is a WaitGroup that may be waited for while
// others add to it from nothing.
type busy struct {
	mu   sync.Mutex
	n    int
	done []chan struct{}
}

func (b *busy) add() {
	b.mu.Lock()
	b.n++
	b.mu.Unlock()
}

func (b *busy) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n--; b.n == 0 {
		for _, ch := range b.done {
			close(ch)
		}
		b.done = nil
	}
}

// idle is closed as soon as nothing is under way.
func (b *busy) idle() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	ch := make(chan struct{})
	if b.n == 0 {
		close(ch)
	} else {
		b.done = append(b.done, ch)
	}
	return ch
}

// Calls returns the log of answered calls; Detail names the media asked about.
func (s *Server) Calls() []calls.Call { return s.log.Calls() }

// Log is the log with its counters.
func (s *Server) Log() *calls.Log { return &s.log }

// Bucket is where uploads of this region go; the object store has to have it.
func (s *Server) Bucket() string { return s.opt.Bucket }

// storage is the host of the bucket: what the API calls StorageLocation.
func (s *Server) storage() string { return s.opt.Bucket + ".oss-" + s.opt.Region + ".aliyuncs.com" }

// fault is a refusal in the provider's words.
type fault struct {
	status        int
	code, message string
}

func refuse(status int, code, message string) *fault { return &fault{status, code, message} }

// reply is the body of a success beside RequestId.
type reply map[string]any

func marshal(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil { // only our own types come here
		panic(err)
	}
	return body
}
