//! Shapes of the resources, and what is found wrong with trees.

use super::shape::{Shape, Standing};
use crate::resource::{AUTHENTICATION, AUTHORIZATION, BROKER, LISTENER};

/// Each field with its path.
fn each(shape: &Shape, path: &str, look: &mut dyn FnMut(&str, &super::Field)) {
    for field in shape.fields() {
        let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
        look(&path, field);
        each(&field.shape, &path, look);
    }
}

#[test]
fn every_field_says_what_the_reference_needs() {
    for (shape, least) in [(&*BROKER, 60), (&*LISTENER, 20), (&*AUTHENTICATION, 30), (&*AUTHORIZATION, 15)] {
        let mut fields = 0;
        each(shape, "", &mut |path, field| {
            fields += 1;
            assert!(!field.meaning.is_empty(), "{path}");
            let set_apart = field.refused.is_some() || field.standing == Standing::Ignored;
            assert_eq!(set_apart, matches!(field.shape, Shape::Any), "{path}: everything else has a shape");
            let leaf = field.shape.fields().is_empty();
            let effects = [&field.change, &field.kept].into_iter().flatten().count();
            assert_eq!(effects, usize::from(leaf && !set_apart), "{path}: a leaf says when, or where, it takes effect");
            if let Shape::Words(words) = &field.shape {
                assert!(words.iter().all(|word| !word.meaning.is_empty()), "{path}");
            }
            let kept_for_volumes = path.contains("VolumeClaimSpec");
            let has_default = field.default.is_some() || field.required || kept_for_volumes;
            assert!(!leaf || set_apart || has_default, "{path}: it is required or has a default");
        });
        assert!(fields > least, "{fields}");
    }
}
