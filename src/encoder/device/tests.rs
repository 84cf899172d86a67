use candle_core::DType;

use super::*;
use crate::encoder::Model;
use crate::encoder::cache::Cache;
use crate::encoder::models::FamilyModel;
use crate::encoder::starter::StarterModel;

#[test]
fn devices_are_named_as_they_are_shown() {
    for (name, device) in [
        ("cpu", Device::Cpu),
        ("cuda:0", Device::Cuda(0)),
        ("cuda:3", Device::Cuda(3)),
        ("metal", Device::Metal),
    ] {
        assert_eq!(name.parse(), Ok(device));
        assert_eq!(device.to_string(), name);
    }
    assert_eq!("cuda".parse(), Ok(Device::Cuda(0)));
    for name in ["", "gpu", "cpu:0", "metal:0", "cuda:", "cuda:-1", "cuda:a", "CUDA"] {
        let error = name.parse::<Device>().unwrap_err().to_string();
        assert!(error.contains("cuda:N"), "{error}");
    }
}

#[test]
fn a_device_that_was_not_built_is_refused_with_the_feature_that_builds_it() {
    for (device, feature) in [(Device::Cuda(1), "cuda"), (Device::Metal, "metal")] {
        if device.check().is_ok() {
            continue;
        }
        let model = Model::open("starter").unwrap().with_device(device);
        let (image, text) = (
            model.image_encoder().err().unwrap(),
            model.text_encoder().err().unwrap(),
        );
        for message in [image.to_string(), text.to_string()] {
            let names = [device.to_string(), format!("--features {feature}")];
            assert!(names.iter().all(|name| message.contains(name)), "{message}");
        }
    }
    Device::Cpu.check().unwrap();
}

#[test]
fn the_starter_is_for_the_cpu() {
    let model = StarterModel::open(Cache::default()).unwrap();
    let accelerator = Accelerator::cpu(DType::F32);
    let (image, text) = (
        model.image_encoder_on(&accelerator),
        model.text_encoder_on(&accelerator),
    );
    for message in [image.err().unwrap().to_string(), text.err().unwrap().to_string()] {
        assert!(
            message.contains("'starter'") && message.contains("--device"),
            "{message}"
        );
    }
}
