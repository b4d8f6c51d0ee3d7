package fakevod

import (
	"slices"
	"strings"
)

var noCategory = refuse(404, "InvalidCateId.NotFound", "The CateId not exist.")

const (
	maxCateName = 64
	maxChildren = 100
	maxLevels   = 3
)

type categoryWire struct {
	CateID   int64 `json:"CateId"`
	CateName string
	ParentID int64 `json:"ParentId"`
	Level    int64
	SubTotal int64
	Type     string
}

// children lists the nodes below one, newest first; the caller holds s.mu.
func (s *Server) children(parent int64, kind string) []Category {
	var out []Category
	for _, c := range s.lib.categories {
		if c.ParentID == parent && (kind == "" || c.Type == kind) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Category) int { return int(b.ID - a.ID) })
	return out
}

func (s *Server) category(c Category) categoryWire {
	return categoryWire{c.ID, c.Name, c.ParentID, c.Level, int64(len(s.children(c.ID, ""))), c.Type}
}

func getCategories(s *Server, c *call) (any, *fault) {
	id := c.number("CateId")
	kind := c.choice("Type")
	page := c.number("PageNo")
	size := c.number("PageSize")
	sort := c.choice("SortBy")
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := reply{}
	if id != -1 {
		node, ok := s.lib.categories[id]
		if !ok {
			return nil, noCategory
		}
		out["Category"] = s.category(node)
	}
	all := s.children(id, kind)
	if sort == "CreationTime:Asc" {
		slices.Reverse(all)
	}
	list := []categoryWire{}
	for i := min((page-1)*size, int64(len(all))); i < min(page*size, int64(len(all))); i++ {
		list = append(list, s.category(all[i]))
	}
	out["SubTotal"], out["SubCategories"] = len(all), map[string]any{"Category": list}
	return out, nil
}

func addCategory(s *Server, c *call) (any, *fault) {
	name := strings.TrimSpace(c.q.Get("CateName"))
	parent := c.number("ParentId")
	kind := c.choice("Type")
	out := reply{}
	return out, s.write(c.now, func(ch *change) *fault {
		node := Category{Name: name, ParentID: parent, Type: kind}
		if parent != -1 {
			p, ok := s.lib.categories[parent]
			if !ok {
				return noCategory
			}
			node.Level = p.Level + 1
		}
		levels := int64(maxLevels)
		if kind == "material" {
			levels = 2
		}
		if node.Level >= levels {
			return refuse(400, "LevelExceededMax", "The level of categories exceeded maximum.")
		}
		if len(s.children(parent, kind)) >= maxChildren {
			return refuse(400, "SubTotalExceededMax", "The total of sub categories exceeded maximum.")
		}
		node.ID = s.lib.nextCate
		s.lib.nextCate++
		s.lib.categories[node.ID] = node
		ch.entries = append(ch.entries, entry{Category: &node})
		out["Category"] = s.category(node)
		return nil
	})
}

func updateCategory(s *Server, c *call) (any, *fault) {
	name := strings.TrimSpace(c.q.Get("CateName"))
	id := c.number("CateId")
	return reply{}, s.write(c.now, func(ch *change) *fault {
		node, ok := s.lib.categories[id]
		if !ok {
			return noCategory
		}
		node.Name = name
		s.lib.categories[id] = node
		ch.entries = append(ch.entries, entry{Category: &node})
		return nil
	})
}

// deleteCategory takes the subtree out, and the category off its media.
func deleteCategory(s *Server, c *call) (any, *fault) {
	id := c.number("CateId")
	return reply{}, s.write(c.now, func(ch *change) *fault {
		if _, ok := s.lib.categories[id]; !ok {
			return noCategory
		}
		gone := map[int64]bool{}
		for list := []int64{id}; len(list) > 0; list = list[1:] {
			gone[list[0]] = true
			for _, child := range s.children(list[0], "") {
				list = append(list, child.ID)
			}
			delete(s.lib.categories, list[0])
			ch.entries = append(ch.entries, entry{CateGone: list[0]})
		}
		for _, a := range s.lib.assets {
			if gone[a.CateID] {
				b := *a // not a change of the media: its modification time stays
				b.CateID = 0
				ch.put(&b)
			}
		}
		return nil
	})
}

// AddCategory adds a category below parent (-1: the root) and returns its id.
func (s *Server) AddCategory(name string, parent int64) int64 {
	var id int64
	_ = s.write(s.opt.Now(), func(ch *change) *fault { // a failing journal is in the log
		node := Category{ID: s.lib.nextCate, Name: name, ParentID: parent, Type: "default"}
		if p, ok := s.lib.categories[parent]; ok {
			node.Level = p.Level + 1
		}
		s.lib.nextCate++
		s.lib.categories[node.ID] = node
		ch.entries = append(ch.entries, entry{Category: &node})
		id = node.ID
		return nil
	})
	return id
}
