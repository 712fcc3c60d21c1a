// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stems of English words, by the algorithm that M. F. Porter published in 1980.
//!
//! `survive`, `survives` and `survival` have one stem. Words of other scripts are their own stems.

/// Words longer than this are their own stems.
const STEMMED_BYTES_MAX: usize = 32;

/// Suffixes of step 2, and what they become after a stem of measure 1 or more.
const STEP_2: [(&str, &str); 20] = [
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("abli", "able"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
];

/// Suffixes of step 3, likewise.
const STEP_3: [(&str, &str); 7] =
    [("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];

/// Suffixes of step 4, which fall away after a stem of measure 2 or more. Where one ends in another it comes first.
const STEP_4: [&str; 19] = [
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize", "ion",
    "al", "er", "ic", "ou",
];

/// Returns the stem of a word in lower case.
pub fn stem(word: &str) -> String {
    let mut word = word.to_owned();
    if word.len() <= 2 || word.len() > STEMMED_BYTES_MAX || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return word;
    }
    plurals(&mut word);
    participles(&mut word);
    if let Some(stem) = word.strip_suffix('y')
        && has_vowel(stem)
    {
        word = format!("{stem}i");
    }
    replace_first(&mut word, &STEP_2);
    replace_first(&mut word, &STEP_3);
    drop_suffix(&mut word);
    tidy(&mut word);
    word
}

/// Step 1a: plurals.
fn plurals(word: &mut String) {
    let cut = match word.as_str() {
        w if w.ends_with("sses") || w.ends_with("ies") => 2,
        w if w.ends_with("ss") => 0,
        w if w.ends_with('s') => 1,
        _ => 0,
    };
    word.truncate(word.len() - cut);
}

/// Step 1b: `-ed` and `-ing`.
fn participles(word: &mut String) {
    if let Some(stem) = word.strip_suffix("eed") {
        if measure(stem) > 0 {
            word.pop();
        }
        return;
    }
    let Some(stem) = word.strip_suffix("ed").or_else(|| word.strip_suffix("ing")) else { return };
    if !has_vowel(stem) {
        return;
    }
    let length = stem.len();
    word.truncate(length);
    if word.ends_with("at") || word.ends_with("bl") || word.ends_with("iz") {
        word.push('e');
    } else if ends_double(word) && !word.ends_with(['l', 's', 'z']) {
        word.pop();
    } else if measure(word) == 1 && ends_short(word) {
        word.push('e');
    }
}

/// Steps 2 and 3: the first suffix that fits decides.
fn replace_first(word: &mut String, table: &[(&str, &str)]) {
    for (suffix, replacement) in table {
        if let Some(stem) = word.strip_suffix(suffix) {
            if measure(stem) > 0 {
                *word = format!("{stem}{replacement}");
            }
            return;
        }
    }
}

/// Step 4.
fn drop_suffix(word: &mut String) {
    for suffix in STEP_4 {
        if let Some(stem) = word.strip_suffix(suffix) {
            if measure(stem) > 1 && (suffix != "ion" || stem.ends_with(['s', 't'])) {
                let length = stem.len();
                word.truncate(length);
            }
            return;
        }
    }
}

/// Step 5: a silent `e`, and a double `l`.
fn tidy(word: &mut String) {
    if let Some(stem) = word.strip_suffix('e') {
        let measure = measure(stem);
        if measure > 1 || (measure == 1 && !ends_short(stem)) {
            word.pop();
        }
    }
    if word.ends_with("ll") && measure(word) > 1 {
        word.pop();
    }
}

/// Tells of each letter whether it is a consonant. A `y` is one where no consonant stands in front of it.
fn consonants(word: &str) -> impl Iterator<Item = bool> + '_ {
    let mut after_consonant = false;
    word.bytes().map(move |letter| {
        let consonant = match letter {
            b'a' | b'e' | b'i' | b'o' | b'u' => false,
            b'y' => !after_consonant,
            _ => true,
        };
        after_consonant = consonant;
        consonant
    })
}

/// Counts how often consonants follow vowels.
fn measure(word: &str) -> usize {
    let mut after_vowel = false;
    let mut count = 0;
    for consonant in consonants(word) {
        if consonant && after_vowel {
            count += 1;
        }
        after_vowel = !consonant;
    }
    count
}

fn has_vowel(word: &str) -> bool {
    consonants(word).any(|consonant| !consonant)
}

/// Tells whether a word ends in one consonant twice.
fn ends_double(word: &str) -> bool {
    let mut letters = word.bytes().rev();
    letters.next().is_some_and(|last| letters.next() == Some(last)) && consonants(word).last() == Some(true)
}

/// Tells whether a word ends in consonant, vowel, consonant, and the last is none of `w`, `x`, `y`.
fn ends_short(word: &str) -> bool {
    let kinds: Vec<bool> = consonants(word).collect();
    kinds.ends_with(&[true, false, true]) && !word.ends_with(['w', 'x', 'y'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_the_stems_that_porter_gives_them() {
        for (word, expect) in [
            ("caresses", "caress"),
            ("ponies", "poni"),
            ("cats", "cat"),
            ("agreed", "agre"),
            ("feed", "feed"),
            ("plastered", "plaster"),
            ("sing", "sing"),
            ("hopping", "hop"),
            ("falling", "fall"),
            ("filing", "file"),
            ("happy", "happi"),
            ("sky", "sky"),
            ("relational", "relat"),
            ("conditional", "condit"),
            ("digitizer", "digit"),
            ("operator", "oper"),
            ("hopefulness", "hope"),
            ("electrical", "electr"),
            ("goodness", "good"),
            ("replacement", "replac"),
            ("adoption", "adopt"),
            ("rate", "rate"),
            ("controll", "control"),
            ("roll", "roll"),
        ] {
            assert_eq!(stem(word), expect, "{word}");
        }
    }

    #[test]
    fn forms_of_one_word_share_a_stem() {
        for forms in
            [["survive", "survives", "survival"], ["feeding", "feeds", "feed"], ["colony", "colonies", "colony"]]
        {
            assert!(forms.iter().all(|form| stem(form) == stem(forms[0])), "{forms:?}");
        }
    }

    #[test]
    fn what_is_not_an_english_word_stays_as_it_is() {
        for word in ["größen", "h2o", "is", "2026s"] {
            assert_eq!(stem(word), word);
        }
    }
}
