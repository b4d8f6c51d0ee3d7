package retention

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"sync"
	"time"

	"vodcurator/shared/decide/rule"
	"vodcurator/shared/video"
)

// month is what prices take for a month.
const month = 30 * day

// minimum is for how long each storage class is charged at least (VOD's documentation).
var minimum = map[string]time.Duration{"IA": 30 * day, "Archive": 60 * day, "ColdArchive": 180 * day}

// Prices are what the policy file says that things cost, by storage class. None is built in:
// what has no price there is never taken for free. A gigabyte is 10^9 bytes.
type Prices struct {
	Currency  string             `json:"currency,omitempty"`
	Read      time.Time          `json:"read,omitzero"`       // the day on which somebody read them
	PerGB     map[string]float64 `json:"perGb,omitempty"`     // stored for a month
	Retrieval map[string]float64 `json:"retrieval,omitempty"` // a gigabyte that leaves the class
	PerMove   map[string]float64 `json:"perMove,omitempty"`   // ten thousand moves into the class
}

type pricesDoc struct {
	Currency  string             `yaml:"currency"`
	Read      string             `yaml:"read"` // when they were read; for people
	PerGB     map[string]float64 `yaml:"per_gb_month"`
	Retrieval map[string]float64 `yaml:"retrieval_per_gb"`
	PerMove   map[string]float64 `yaml:"per_10000_moves"`
}

func (b builder) prices(d pricesDoc) Prices {
	read, err := time.Parse(time.DateOnly, d.Read)
	if d.Read != "" && (err != nil || !sensible(read)) {
		b.f.Add("$.prices.read", fmt.Sprintf("%q is no date of the years 2000 to 2100", d.Read), "write it as 2026-12-31")
	}
	if len(d.PerGB)+len(d.Retrieval)+len(d.PerMove) > 0 && !currencyForm().MatchString(d.Currency) {
		b.f.Add("$.prices.currency", fmt.Sprintf("%q is no currency", d.Currency), "three capital letters, as CNY or USD")
	}
	for key, prices := range map[string]map[string]float64{"per_gb_month": d.PerGB, "retrieval_per_gb": d.Retrieval, "per_10000_moves": d.PerMove} {
		for _, class := range slices.Sorted(maps.Keys(prices)) {
			path := "$.prices." + key + "." + class
			switch price := prices[class]; {
			case coldness(class) < 0:
				b.f.Add("$.prices."+key, fmt.Sprintf("%q is no storage class", class), rule.Suggest(class, video.StorageClasses))
			case price < 0 || math.IsNaN(price) || math.IsInf(price, 0):
				b.f.Add(path, "a price below 0, or no number", "leave the class out when its price is not known")
			}
		}
	}
	return Prices{d.Currency, read, d.PerGB, d.Retrieval, d.PerMove}
}

var currencyForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z]{3}$`) })

// sensible says that somebody means such a day.
func sensible(day time.Time) bool { return day.Year() >= 2000 && day.Year() <= 2100 }

// CheckAge says what is wrong with prices by the day on which they were read: one in the future
// is a mistake, one that is long past a warning.
func (p Prices) CheckAge(now time.Time) (mistake, warning string) {
	switch read := p.Read.Format(time.DateOnly); {
	case p.Read.IsZero():
	case p.Read.After(now.Add(14 * time.Hour)): // where it is tomorrow first
		return fmt.Sprintf("prices.read: %s lies in the future", read), ""
	case now.Sub(p.Read) > 365*day:
		return "", fmt.Sprintf("prices.read: %s is more than a year ago; read the prices again", read)
	}
	return "", ""
}

// warnings tells classes that cost more than a warmer one.
func (p Prices) warnings() (all []string) {
	warm := ""
	for _, class := range video.StorageClasses {
		price, known := p.PerGB[class]
		if !known {
			continue
		}
		if warm != "" && price > p.PerGB[warm] {
			all = append(all, fmt.Sprintf("prices.per_gb_month: %s costs %v and %s %v: what moves to the colder class costs more every month", warm, p.PerGB[warm], class, price))
		}
		if warm == "" || price < p.PerGB[warm] {
			warm = class
		}
	}
	return all
}

// Money is what something saves and costs, in the currency of the prices.
type Money struct {
	Month     float64 `json:"month"`               // saved in every month from then on; below 0: it costs more
	Early     float64 `json:"penalty,omitempty"`   // once: the rest of the minimum time of the class that is left
	Retrieval float64 `json:"retrieval,omitempty"` // once: reading what leaves its class
	Moves     float64 `json:"moves,omitempty"`     // once: the requests
	Unpriced  int     `json:"unpriced,omitempty"`  // items without a price or a size, which are not in the sums
	Split     int     `json:"split,omitempty"`     // those of them that lie in two classes: how much in each is not told
}

// Once is what is paid once.
func (m Money) Once() float64 { return m.Early + m.Retrieval + m.Moves }

// PayBack is after how many days what is saved has paid for what is paid once. ok is false
// when it never does, or when the sums leave items out.
func (m Money) PayBack() (days float64, ok bool) {
	switch once := m.Once(); {
	case m.Unpriced > 0, m.Month < 0, once > 0 && m.Month == 0:
		return 0, false
	case once == 0:
		return 0, true
	default:
		return once / (m.Month / (month.Hours() / 24)), true
	}
}

// Add adds what another one saves and costs.
func (m *Money) Add(o Money) {
	m.Month += o.Month
	m.Early += o.Early
	m.Retrieval += o.Retrieval
	m.Moves += o.Moves
	m.Unpriced += o.Unpriced
	m.Split += o.Split
}

// Of is what an item of a plan saves and costs for an asset that is in a storage class,
// since a time before now (negative: that is not known, and the whole minimum is counted).
// What has no size or no price, or lies in two classes, is Unpriced.
func (p Prices) Of(i Item, class string, since time.Duration) Money {
	unpriced := Money{Unpriced: 1}
	from := i.from(class)
	if from == "" {
		unpriced.Split = 1
	}
	price, known := p.PerGB[from]
	if !known || i.Bytes < 0 {
		return unpriced
	}
	gb := float64(i.Bytes) / 1e9
	m := Money{Month: price * gb}
	if left := minimum[from] - max(since, 0); left > 0 {
		m.Early = m.Month * left.Hours() / month.Hours()
	}
	if i.Kind != Move {
		return m
	}
	to, known := p.PerGB[i.To]
	moves, counted := p.PerMove[i.To]
	retrieval, read := p.Retrieval[from]
	if !known || !counted || !read && coldness(from) > 0 {
		return unpriced
	}
	m.Month -= to * gb
	m.Retrieval, m.Moves = retrieval*gb, moves/10_000
	return m
}

// from is the class that the item leaves; empty: it lies in two.
func (i Item) from(class string) string {
	source, rest := parts(cmp.Or(class, "Standard"))
	switch {
	case i.Kind == Source || i.Kind == Move && i.Part == SourcePart:
		return source
	case (i.Kind == Whole || i.Kind == Move) && source != rest:
		return ""
	}
	return rest
}

// Stored adds what an asset holds, in bytes, by storage class. ok is false when a size or
// the class is not told; then nothing is added.
func Stored(m video.Media, to map[string]int64) (ok bool) {
	total := Size(m)
	source, rest := parts(m.StorageClass)
	if total == Unknown || coldness(source) < 0 {
		return false
	}
	var file int64
	if m.Source == nil || !m.Source.Gone() {
		file = m.Size
		if m.Source != nil && m.Source.Size > 0 {
			file = m.Source.Size
		}
	}
	to[source] += file
	to[rest] += total - file
	return true
}

// Month is what so many bytes by class cost in a month. ok is false when a class that holds
// some has no price.
func (p Prices) Month(stored map[string]int64) (sum float64, ok bool) {
	for class, bytes := range stored {
		price, known := p.PerGB[class]
		if bytes > 0 && !known {
			return 0, false
		}
		sum += price * float64(bytes) / 1e9
	}
	return sum, true
}
