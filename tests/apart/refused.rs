//! Rows, settings and folders that do not fit.

use super::*;

#[test]
fn what_does_not_fit_is_refused() {
    let engine = engine();
    let read = |rows: &[Row], reading: &Reading| {
        let data = Dataset::read("mine.csv", rows, engine.reader(), reading);
        data.map(|data| data.scheme().pairs)
    };
    let apart = reading(SINGLE_LABEL, Some(Pairs::Apart));
    let mut mixed = rows(SINGLE_LABEL, 12);
    let first = mixed[4].input.text().unwrap().first.clone();
    mixed[4].input = first.as_str().into();
    let error = read(&mixed, &apart).unwrap_err();
    assert_eq!(error.code(), "row_unpaired");
    let said = error.to_string();
    assert!(
        said.contains("mine.csv: row 5") && said.contains("\"joint\""),
        "{said}"
    );
    // Where nothing is asked for, rows of both sorts are read as they are.
    assert_eq!(
        read(&mixed, &reading(SINGLE_LABEL, None)).unwrap(),
        Pairs::Joint
    );
    let tags = [row("the dog", "O B-x"), row("a cat", "O B-x")];
    let ranked = labelled::rows(RANKING, 6, 1);
    for (rows, problem, pairs) in [
        (&tags[..], TOKEN_CLASSIFICATION, Pairs::Apart),
        (&ranked, RANKING, Pairs::Joint),
    ] {
        let error = read(rows, &reading(problem, Some(pairs))).unwrap_err();
        assert_eq!(error.code(), "option_invalid");
        assert!(error.to_string().contains("pairs"), "{error}");
    }
    assert_eq!(
        read(&ranked, &reading(RANKING, None)).unwrap(),
        Pairs::Apart
    );
    let contrastive = Settings {
        contrastive_steps: Some(3),
        ..settings(1)
    };
    let data = data(&engine, SINGLE_LABEL, 12);
    let error = contrastive.resolve(preset("lora").unwrap(), &data, 2);
    let error = error.unwrap_err();
    assert_eq!(error.code(), "option_invalid");
    assert!(error.to_string().contains("contrastive_steps"), "{error}");
}

#[test]
fn folders_that_contradict_themselves_are_refused() {
    let engine = engine();
    let shape = engine.backbone().shape();
    let task = learnt(&engine, "lora", SINGLE_LABEL, 1);
    let files = save(&engine, &task, Library::Peft);
    let changed = |edit: &dyn Fn(&mut Value)| {
        let mut card = json_of(&files, CARD);
        card.as_object_mut().unwrap().remove("files");
        edit(&mut card);
        let mut files = files.clone();
        files.insert(CARD.into(), serde_json::to_vec(&card).unwrap());
        folder::load("it", &files, shape).map(|task| task.head.unwrap().compares())
    };
    assert!(changed(&|_| {}).unwrap());
    for name in ["bi_encoder", "apart"] {
        assert!(changed(&|card| card["pairs"] = json!(name)).unwrap());
    }
    // A head of one vector is narrower.
    for edit in [
        &(|card: &mut Value| card["pairs"] = json!("joint")) as &dyn Fn(&mut Value),
        &|card| drop(card.as_object_mut().unwrap().remove("pairs")),
    ] {
        let error = changed(edit).unwrap_err();
        assert_eq!(error.code(), "tensor_shape");
        assert!(error.to_string().contains("out.weight"), "{error}");
    }
    let error = changed(&|card| card["pairs"] = json!("separately")).unwrap_err();
    assert_eq!(error.code(), "config_invalid");
    let error = changed(&|card| card["problem"] = json!({"name": "token_classification"}));
    assert_eq!(error.unwrap_err().code(), "option_invalid");
    // A head of PEFT's own reads one sequence.
    let joint = Settings {
        pooling: Some(Pooling::Pooler),
        ..settings(1)
    };
    let rows = labelled::dataset(&engine, SINGLE_LABEL, &rows(SINGLE_LABEL, 18));
    let mut trainer = trainer(&engine, "lora", joint, rows.clone(), rows);
    run(&mut trainer);
    let mut files = save(&engine, &trainer.finish().unwrap(), Library::Peft);
    assert!(!files.contains_key(SIDE_HEAD));
    let mut card = json_of(&files, CARD);
    card.as_object_mut().unwrap().remove("files");
    card["pairs"] = json!("apart");
    files.insert(CARD.into(), serde_json::to_vec(&card).unwrap());
    let error = folder::load("it", &files, shape).err().unwrap();
    assert_eq!(error.code(), "config_invalid");
    assert!(error.to_string().contains(SIDE_HEAD), "{error}");
}

#[test]
fn a_text_alone_is_refused() {
    let mut engine = engine();
    for (name, problem) in ["label", "labels", "number"].iter().zip(PROBLEMS) {
        let mut task = learnt(&engine, "lora", problem, 1);
        // Also where the side file does not say that it reads pairs.
        task.card.pair = None;
        engine.insert(name, task);
        for text in ["the film".into(), Text::pair("the film", " ")] {
            let texts = [Text::pair("a", "b"), text];
            let error = engine.classify_with(name, &texts).unwrap_err();
            assert_eq!(error.code(), "text2_missing");
            let said = error.to_string();
            assert!(
                said.contains("text 2") && said.contains("give both"),
                "{said}"
            );
        }
        let error = engine.classify_with(name, &[Text::pair(" ", "b")]);
        assert_eq!(error.unwrap_err().code(), "text_empty");
    }
}
