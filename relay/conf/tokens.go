package conf

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
)

// NamedToken is what one person or script shows as "Authorization: Bearer".
type NamedToken struct {
	// Name is the author of what is done with it: 1 to 100 characters.
	Name string
	// Tokens are one, or several while one takes the place of another.
	Tokens []Secret
	// Origin is the place in the file.
	Origin string
}

const (
	keyTokens = "api.tokens"
	// minNamedToken is the shortest token with a name, in bytes. 16 hex digits are
	// 64 bits, which nobody guesses over a network.
	minNamedToken = 16
	maxAuthor     = 100 // characters, what the API takes as an author
)

// tokens reads the tokens with names. An empty list is refused: who has put the last
// one behind a comment sign would let in everybody.
func (r *yamlReader) tokens(n ast.Node, key string) []NamedToken {
	items := r.sequence(n, key)
	if value, ok := r.resolve(n); ok && len(items) == 0 {
		if _, list := value.(*ast.SequenceNode); list || isNull(value) {
			r.report(r.place(n), "%s: names nobody; leave the key out for none", key)
		}
	}
	var all []NamedToken
	seen := make(map[string]string) // what is taken -> by whom
	for i, item := range items {
		key := fmt.Sprintf("%s[%d]", key, i)
		t := NamedToken{Origin: r.place(item)}
		keys := fields{"name": r.text(func(s string) error {
			t.Name = s
			if err := checkAuthor(s); err != nil {
				return err
			}
			return t.claim(seen, "name "+strings.ToLower(s))
		})}
		claiming := func(s string) error {
			if err := checkNamedToken(s); err != nil {
				return err
			}
			return t.claim(seen, "token "+s)
		}
		r.secrets(keys, "token", claiming, &t.Tokens)
		given := r.mapping(item, key, keys, "name")
		if given != nil && given["token"] == nil && given["token_file"] == nil {
			r.report(r.place(item), "%s: token or token_file is missing", key)
		}
		all = append(all, t)
	}
	return all
}

// claim notes that this one has a name or a token, which no other may have.
func (t *NamedToken) claim(seen map[string]string, what string) error {
	if at := seen[what]; at != "" {
		return fmt.Errorf("is given at %s already; everybody needs one of his own", at)
	}
	seen[what] = t.Origin
	return nil
}

func checkAuthor(s string) error {
	switch {
	case s == "":
		return errors.New("is empty; write who has the token, such as ada")
	case strings.TrimSpace(s) != s:
		return errors.New("begins or ends with a space")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return errors.New("has a control character")
	case utf8.RuneCountInString(s) > maxAuthor:
		return fmt.Errorf("has %d characters, %d are possible", utf8.RuneCountInString(s), maxAuthor)
	}
	return nil
}

func checkNamedToken(s string) error {
	if err := checkToken(s); err != nil {
		return err
	}
	if len(s) < minNamedToken {
		return fmt.Errorf("has %d characters and needs %d, so that nobody guesses it; take what \"openssl rand -hex 16\" prints", len(s), minNamedToken)
	}
	return nil
}

// checkTokens checks those that were made by hand.
func (c *Config) checkTokens(p *problems) {
	seen := make(map[string]string)
	for i := range c.API.Tokens {
		t := c.API.Tokens[i]
		t.Origin = fmt.Sprintf("%s[%d]", keyTokens, i)
		report := func(name string, err error) {
			if err != nil {
				p.report(t.Origin, "%s: %s", name, err)
			}
		}
		report("name", checkAuthor(t.Name))
		report("name", t.claim(seen, "name "+strings.ToLower(t.Name)))
		if len(t.Tokens) == 0 {
			report("token", errors.New("is missing"))
		}
		for _, s := range t.Tokens {
			report("token", checkNamedToken(s.Reveal()))
			report("token", t.claim(seen, "token "+s.Reveal()))
		}
	}
}

// checkShared wants that no token with a name is api.token as well, which says
// nobody's name.
func (c *Config) checkShared(p *problems) {
	for _, t := range c.API.Tokens {
		for _, s := range t.Tokens {
			if c.API.Token.IsSet() && s.Reveal() == c.API.Token.Reveal() {
				where := t.Origin
				if where == "" {
					where = keyTokens
				}
				p.report(where, "%s: the token of %s is also the api.token; everybody needs one of his own", keyTokens, t.Name)
			}
		}
	}
}
